import type { OutgoingMessage, Publisher } from '@tollgate/bus';
import type { Logger } from '@tollgate/telemetry';
import type { Clock } from '../clock.ts';
import { BacklogAge } from '../publisher/backlog-age.ts';
import { Outlet } from '../publisher/outlet.ts';
import { TailPublisher } from '../publisher/tail-publisher.ts';
import { SpoolError } from '../spool/errors.ts';
import type { EventLog } from '../spool/event-log.ts';
import type { FolderLock } from '../spool/lock.ts';
import type { SegmentStore } from '../spool/segment-store.ts';
import type { Position } from '../spool/spool.ts';
import type { StateFile } from '../spool/state-file.ts';
import type { EarlierEpochs } from './earlier-epochs.ts';
import { GapAnswers } from './gap-answers.ts';
import { Heartbeats } from './heartbeats.ts';
import type { Instance } from './instance.ts';
import { Registration } from './registration.ts';
import type { SourceServices } from './services.ts';
import type { SpoolSettings } from './settings.ts';
import type { SourceStats } from './source-stats.ts';
import type { SourceVoice } from './source-voice.ts';
import { UnrecordedRequests } from './unrecorded.ts';

export interface RunningSourceOptions {
  readonly log: EventLog;
  readonly store: SegmentStore;
  readonly stateFile: StateFile;
  readonly voice: SourceVoice;
  readonly instance: Instance;
  readonly earlier: EarlierEpochs;
  readonly settings: SpoolSettings;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly random: () => number;
  readonly logger: Logger;
  readonly lock: FolderLock;
}

/** How often waiting callers are looked at and files are seen to. */
const TEND_EVERY_MS = 250;
/** How often the place that the broker has acknowledged is noted. */
const NOTE_EVERY_MS = 1000;

/** An epoch at work: carries its log to the bus, speaks for it, and looks after its files. */
export class RunningSource {
  readonly unrecorded = new UnrecordedRequests();
  readonly #options: RunningSourceOptions;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #age = new BacklogAge();
  #outlet: Outlet | null = null;
  #tail: TailPublisher | null = null;
  #heartbeats: Heartbeats | null = null;
  #gapAnswers: GapAnswers | null = null;
  #registration: Registration | null = null;
  #acknowledgedEvents = 0;
  #acknowledged: Position;
  #noted: Position = -1;
  #notedAtMs = 0;
  #stopping: Promise<void> | null = null;

  constructor(options: RunningSourceOptions) {
    this.#options = options;
    this.#acknowledged = options.earlier.acknowledged;
    const { log, clock } = options;
    this.#age.durable(log.durable.position, clock.monotonic());
    log.followedBy({
      durable: () => {
        this.#age.durable(log.durable.position, clock.monotonic());
        if (options.store.wantsSpares) void this.#tendFiles();
        this.#tail?.wake();
      },
      urgent: (position) => this.#tail?.hurry(position),
    });
    this.#every(TEND_EVERY_MS, async () => this.tend());
  }

  startPublishing(publisher: Publisher, services: SourceServices): void {
    if (this.#tail !== null) throw new Error('invariant: publishing is started once');
    const { log, store, settings, earlier, instance, clock, newId, voice, logger } = this.#options;
    const outlet = new Outlet(publisher);
    this.#outlet = outlet;
    this.#tail = new TailPublisher({
      store,
      outlet,
      durable: () => log.durable.position,
      from: earlier.acknowledged,
      acknowledged: (position, events) => this.#onAcknowledged(position, events),
      lingerMs: settings.publishLingerMs,
      batchBytes: settings.publishBatchBytes,
      retryMs: settings.publishRetryMs,
      random: this.#options.random,
      logger,
    });
    const earlierThrough = new Map(
      earlier.folder.epochs.map((epoch) => [epoch.source, epoch.through.sequence]),
    );
    this.#heartbeats = new Heartbeats({
      instance,
      clock,
      newId,
      source: log.source,
      durable: () => log.durable,
      earlier: earlier.folder.epochs,
      onSpool: (source) => store.segments.some((segment) => segment.source === source),
      earlierEveryMs: settings.earlierHeartbeatMs,
    });
    this.#every(settings.heartbeatMs, () => this.beat());
    if (services.audit !== undefined) {
      this.#gapAnswers = new GapAnswers({
        instance: instance.name,
        audit: services.audit,
        segments: () => store.segments,
        acknowledged: () => this.#acknowledged,
        through: (source) => (source === log.source ? log.durable.sequence : earlierThrough.get(source)),
        isOpen: (source) => source === log.source,
        send: (messages) => outlet.send(messages),
        unanswerable: (gap, reason) => voice.unanswerable(gap, reason),
        alreadySaid: earlier.saidGaps,
        logger,
      });
      this.#every(settings.gapPollMs, () => this.answerGaps());
    }
    if (services.directory !== undefined) {
      this.#registration = new Registration(services.directory, instance, logger);
      this.#every(settings.registerMs, () => this.#registration?.attempt() ?? Promise.resolve());
      void this.#registration.attempt();
    }
    void this.beat();
    this.#tail.wake();
  }

  /** Sends the heartbeats that are due. One that can't be sent is left to the next. */
  async beat(): Promise<void> {
    const messages = this.#heartbeats?.due() ?? [];
    if (messages.length > 0) await this.#sendOnce(messages);
  }

  /** One round of gap answers. */
  async answerGaps(): Promise<void> {
    try {
      await this.#gapAnswers?.round();
    } catch (error) {
      this.#options.logger.warn(
        { err: error },
        'the gaps that the audit service sees could not be answered; tried again',
      );
    }
  }

  /** What is due now and then: late callers, files, the record of what passed unrecorded. */
  async tend(): Promise<void> {
    const { log } = this.#options;
    log.expireWaiters();
    await this.#tendFiles();
    this.#tellUnrecorded(false);
    await this.#note(false);
  }

  /** Why the source can't do its work just now; null when all is well. */
  trouble(): string | null {
    const { log, store } = this.#options;
    const failure = log.failure ?? (log.hasRoom(0) ? null : store.fullError());
    return failure?.message ?? this.#tail?.trouble ?? null;
  }

  stats(): SourceStats {
    const { log, store, earlier, clock } = this.#options;
    const { sequence } = log.mark;
    return {
      usedBytes: store.usedBytes,
      unacknowledgedBytes: log.head - this.#acknowledged,
      unacknowledgedEvents: earlier.unacknowledgedEvents + sequence - this.#acknowledgedEvents,
      oldestUnacknowledgedMs: this.#age.ageMs(clock.monotonic()),
      sequence,
      durableSequence: log.durable.sequence,
      syncs: log.syncs,
      blockingRolls: store.blockingRolls,
      openHolds: log.openHolds,
      resentEvents: this.#gapAnswers?.resent ?? 0,
      registered: this.#registration?.done ?? false,
    };
  }

  stop(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs);
    return this.#stopping;
  }

  async #stop(deadlineMs: number): Promise<void> {
    const { log, voice, logger, lock } = this.#options;
    for (const timer of this.#timers) clearInterval(timer);
    try {
      this.#tellUnrecorded(true);
      voice.stopped();
      await log.settled();
    } catch (error) {
      logger.error(
        { err: error },
        'the end of the epoch could not be spooled; the next epoch will say how it ended',
      );
    }
    const all = (await this.#tail?.drain(deadlineMs)) ?? false;
    if (!all)
      logger.warn(
        { events: this.stats().unacknowledgedEvents },
        'events stay on the spool until the next start',
      );
    await this.#note(true);
    await log.close();
    lock.release();
  }

  #onAcknowledged(position: Position, events: number): void {
    const { log } = this.#options;
    this.#acknowledged = position;
    this.#acknowledgedEvents += events;
    this.#age.acknowledged(position);
    log.acknowledged(position);
  }

  async #tendFiles(): Promise<void> {
    const { log, store, clock, logger } = this.#options;
    const before = store.prepareError;
    await store.tend(log.durable.position, clock.monotonic());
    if (store.prepareError !== null && before === null) logger.error(store.prepareError);
  }

  /** Tells of the requests that passed unrecorded, once there is room again or, at the end, from the reserve. */
  #tellUnrecorded(ending: boolean): void {
    const { log, voice } = this.#options;
    const { period } = this.unrecorded;
    if (period === null || !(ending || log.hasRoom(0))) return;
    try {
      voice.unrecorded(period);
      this.unrecorded.told();
    } catch (error) {
      if (!(error instanceof SpoolError)) throw error;
    }
  }

  /** Notes how far the broker has acknowledged. Not vital: what is not noted is published twice. */
  async #note(now: boolean): Promise<void> {
    const { log, store, stateFile, clock, logger } = this.#options;
    const position = this.#acknowledged;
    const nowMs = clock.monotonic();
    if (!now && (position === this.#noted || nowMs - this.#notedAtMs < NOTE_EVERY_MS)) return;
    const segment = store.holding(position) ?? store.segments[0];
    if (segment === undefined) return;
    const { sequence, chain, counts } = log.durable;
    this.#noted = position;
    this.#notedAtMs = nowMs;
    try {
      await stateFile.write({
        acknowledged: { segment: segment.index, offset: Math.max(0, position - segment.base) },
        durable: {
          source: log.source,
          sequence,
          chain: Buffer.from(chain, 'latin1').toString('hex'),
          counts: [...counts],
        },
      });
    } catch (error) {
      logger.warn({ err: error }, 'the acknowledged place of the spool could not be noted');
    }
  }

  async #sendOnce(messages: readonly OutgoingMessage[]): Promise<void> {
    if (this.#outlet === null || this.#outlet.waiting > 1) return;
    try {
      await this.#outlet.send(messages);
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'a heartbeat was not sent');
    }
  }

  #every(ms: number, work: () => Promise<void>): void {
    let running = false;
    const timer = setInterval(() => {
      if (running) return;
      running = true;
      work()
        .catch((error: unknown) => {
          this.#options.logger.error({ err: error }, 'the spool could not be looked after; tried again');
        })
        .finally(() => {
          running = false;
        });
    }, ms);
    this.#timers.add(timer);
  }
}
