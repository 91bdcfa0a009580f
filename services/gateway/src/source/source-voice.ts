import { type EventDraft, MAX_EVENT_BYTES, serializeEvent } from '@tollgate/events';
import type { Clock } from '../clock.ts';
import type { EventLog } from '../spool/event-log.ts';
import type { EarlierEpoch } from '../spool/scan.ts';
import type { UnanswerableReason } from './gap-answers.ts';
import type { Instance } from './instance.ts';
import type { Gap } from './services.ts';
import { type StatedMark, statedMark } from './stated-mark.ts';
import type { UnrecordedPeriod } from './unrecorded.ts';

export interface SourceVoiceOptions {
  readonly log: EventLog;
  readonly instance: Instance;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** Leaves room in a start event for everything but the earlier epochs. */
const PREVIOUS_BYTES = MAX_EVENT_BYTES - 4096;

/** The numbered events that a source says about itself; they may use the spool's reserve. */
export class SourceVoice {
  readonly #options: SourceVoiceOptions;

  constructor(options: SourceVoiceOptions) {
    this.#options = options;
  }

  /** Any numbered event of the gateway's own making. @throws SpoolError */
  say(draft: EventDraft): void {
    const { log } = this.#options;
    const sequence = Number(log.nextSequence());
    log.appendReserved(draft.type, serializeEvent(draft, log.source, sequence).toString());
  }

  /** The first event of an epoch. Names as many earlier epochs as fit, newest first. */
  started(softwareVersion: string, earlier: readonly EarlierEpoch[]): void {
    const { instance } = this.#options;
    const previous: ({ source: string } & StatedMark)[] = [];
    let bytes = 0;
    for (const epoch of earlier.toReversed()) {
      const entry = { source: epoch.source, ...statedMark(epoch.through) };
      bytes += JSON.stringify(entry).length + 1;
      if (bytes > PREVIOUS_BYTES) break;
      previous.push(entry);
    }
    this.say({
      ...this.#envelope(),
      type: 'tollgate.source.started.v1',
      data: {
        instance: instance.name,
        public_key: instance.publicKey,
        software_version: softwareVersion,
        previous,
      },
    });
  }

  /** The last event of an epoch that ends in order. */
  stopped(): void {
    const { log, instance } = this.#options;
    const stated = statedMark(log.mark);
    this.say({
      ...this.#envelope(),
      type: 'tollgate.source.stopped.v1',
      data: {
        instance: instance.name,
        ...stated,
        signature: instance.sign(log.source, stated.through, stated.chain),
      },
    });
  }

  /** Numbers that can't be sent again. */
  unanswerable(gap: Gap, reason: UnanswerableReason): void {
    const { instance } = this.#options;
    const envelope = this.#envelope();
    this.say({
      ...envelope,
      type: 'tollgate.source.gap.v1',
      data: {
        instance: instance.name,
        reason,
        source: gap.source,
        from: gap.from,
        to: gap.to,
        unrecorded_requests: 0,
        since: envelope.time,
        until: envelope.time,
      },
    });
  }

  /** Requests that passed while the spool was full. No number is missing for them: none was given. */
  unrecorded(period: UnrecordedPeriod): void {
    const { log, instance } = this.#options;
    this.say({
      ...this.#envelope(),
      type: 'tollgate.source.gap.v1',
      data: {
        instance: instance.name,
        reason: 'spool-full',
        source: log.source,
        from: 0,
        to: 0,
        unrecorded_requests: period.requests,
        since: new Date(period.sinceMs).toISOString(),
        until: new Date(period.untilMs).toISOString(),
      },
    });
  }

  #envelope(): { id: string; subject: string; time: string } {
    const { log, clock, newId } = this.#options;
    return { id: newId(), subject: log.source, time: new Date(clock.now()).toISOString() };
  }
}
