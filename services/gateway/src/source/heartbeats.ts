import type { OutgoingMessage } from '@tollgate/bus';
import { serializeEvent, topicOf } from '@tollgate/events';
import type { Clock } from '../clock.ts';
import type { EarlierEpoch } from '../spool/scan.ts';
import type { Mark } from '../spool/segment-header.ts';
import type { Instance } from './instance.ts';
import { statedMark } from './stated-mark.ts';

const TYPE = 'tollgate.source.heartbeat.v1';

export interface HeartbeatOptions {
  readonly instance: Instance;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly source: string;
  /** How far this epoch is on disk. */
  readonly durable: () => Mark;
  readonly earlier: readonly EarlierEpoch[];
  /** Whether any event of a source is still on the spool. */
  readonly onSpool: (source: string) => boolean;
  /** Earlier epochs are repeated this often, in case their last heartbeat was never sent. */
  readonly earlierEveryMs: number;
}

/**
 * What a gateway says about how far it has come: for its own epoch each time, for earlier ones on its spool at
 * first and then now and again. Heartbeats are neither numbered nor spooled: the next one says more.
 */
export class Heartbeats {
  readonly #options: HeartbeatOptions;
  #earlierAtMs: number | null = null;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** The messages that are due now. */
  due(): OutgoingMessage[] {
    const { durable, source, earlier, onSpool, clock, earlierEveryMs } = this.#options;
    const messages: OutgoingMessage[] = [];
    const mark = durable();
    if (mark.sequence > 0) messages.push(this.#message(source, mark));
    const now = clock.monotonic();
    if (this.#earlierAtMs === null || now - this.#earlierAtMs >= earlierEveryMs) {
      this.#earlierAtMs = now;
      for (const epoch of earlier) {
        if (onSpool(epoch.source)) messages.push(this.#message(epoch.source, epoch.through));
      }
    }
    return messages;
  }

  #message(source: string, mark: Mark): OutgoingMessage {
    const { instance, clock, newId } = this.#options;
    const stated = statedMark(mark);
    const value = serializeEvent(
      {
        type: TYPE,
        id: newId(),
        subject: source,
        time: new Date(clock.now()).toISOString(),
        data: {
          instance: instance.name,
          ...stated,
          signature: instance.sign(source, stated.through, stated.chain),
        },
      },
      source,
      null,
    );
    return { topic: topicOf(TYPE), key: source, value };
  }
}
