import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import type { Publisher } from '@tollgate/bus';
import type { Logger, Metrics } from '@tollgate/telemetry';
import { type Clock, systemClock } from '../clock.ts';
import type { Disk } from '../spool/disk.ts';
import { EventLog } from '../spool/event-log.ts';
import { type FolderLock, lockFolder } from '../spool/lock.ts';
import { SegmentStore } from '../spool/segment-store.ts';
import type { Spool } from '../spool/spool.ts';
import { StateFile } from '../spool/state-file.ts';
import { beginEpoch, type RecoverySummary } from './begin-epoch.ts';
import { readEarlierEpochs } from './earlier-epochs.ts';
import { type Instance, openInstance } from './instance.ts';
import { RunningSource } from './running-source.ts';
import type { SourceServices } from './services.ts';
import { type SpoolSettings, spoolSettings } from './settings.ts';
import type { SourceStats } from './source-stats.ts';
import { SourceVoice } from './source-voice.ts';
import { SpoolMetrics } from './spool-metrics.ts';

/** Salts are four bytes. */
const SALTS = 2 ** 32;

export interface OpenSpoolOptions {
  readonly folder: string;
  /** Without one: the folder's own, or a random one that the folder then keeps. */
  readonly instance?: string;
  readonly softwareVersion: string;
  readonly settings?: Partial<SpoolSettings>;
  readonly clock?: Clock;
  /** UUIDv7. */
  readonly newId: () => string;
  /** From 0 to below 1, for back-off. */
  readonly random?: () => number;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  readonly disk?: Disk;
}

export interface OpenedSpool {
  readonly spool: Spool;
  readonly instance: Instance;
  readonly recovered: RecoverySummary;
  /** A request passed on a route that may do without a record while the spool was full. */
  countUnrecorded(): void;
  /**
   * Begins to publish, to send heartbeats, to answer gaps and to register the instance's key. Called once; until
   * then, and while the broker is away, everything stays on the spool.
   */
  startPublishing(publisher: Publisher, services?: SourceServices): void;
  /** Sends the heartbeats that are due; also done by a timer, as are the next two. */
  beat(): Promise<void>;
  /** One round of asking for gaps and answering them. */
  answerGaps(): Promise<void>;
  /** Turns away callers who waited too long, drops and prepares files, tells of unrecorded requests. */
  tend(): Promise<void>;
  /** Says that the epoch ends, syncs, publishes what it can within the deadline; the rest stays on disk. */
  stop(deadlineMs: number): Promise<void>;
  /** Why the spool can't do its work just now; null when all is well. Feeds readiness. */
  trouble(): string | null;
  stats(): SourceStats;
}

/**
 * Opens a spool folder for this process alone and begins a new epoch on it: reads what earlier epochs left, cuts
 * torn tails, closes the requests that were lost with them, and has all that on disk before it returns.
 *
 * @throws SpoolError `spool-locked`, `spool-foreign`, `spool-setting`, or `spool-full` where the disk has no room
 *   for even one segment
 */
export function openSpool(options: OpenSpoolOptions): OpenedSpool {
  const settings = spoolSettings(options.settings);
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  const lock = lockFolder(options.folder);
  try {
    return openLocked(options, settings, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function openLocked(options: OpenSpoolOptions, settings: SpoolSettings, lock: FolderLock): OpenedSpool {
  const { folder, logger, newId } = options;
  const clock = options.clock ?? systemClock;
  const metrics = options.metrics === undefined ? null : new SpoolMetrics(options.metrics);
  const instance = openInstance(folder, options.instance);
  const stateFile = new StateFile(folder);
  const earlier = readEarlierEpochs(folder, settings.segmentBytes, stateFile.read());
  const store = new SegmentStore(folder, settings, earlier.folder, options.disk);
  store.acknowledge(earlier.acknowledged, clock.monotonic());
  const begin = () => {
    const log = new EventLog({
      source: `/gateways/${instance.name}/${newId()}`,
      store,
      clock,
      window: settings.commitWindow,
      lazyMs: settings.lazySyncMs,
      waitMs: settings.waitMs,
      salt: () => randomInt(SALTS),
      ...(metrics === null ? {} : { onSync: (tookMs: number) => metrics.synced(tookMs) }),
      ...(options.disk === undefined ? {} : { disk: options.disk }),
    });
    const voice = new SourceVoice({ log, instance, clock, newId });
    const at = new Date(clock.now()).toISOString();
    const recovered = beginEpoch(voice, earlier, {
      softwareVersion: options.softwareVersion,
      newId,
      at,
      logger,
    });
    log.settleNow();
    return { log, voice, recovered };
  };
  const { log, voice, recovered } = store.beyondCap(begin);
  const running = new RunningSource({
    log,
    store,
    stateFile,
    voice,
    instance,
    earlier,
    settings,
    clock,
    newId,
    random: options.random ?? Math.random,
    logger,
    lock,
  });
  metrics?.watch(() => running.stats());
  logger.info({ source: log.source, ...recovered }, 'the spool is open');
  return {
    spool: log,
    instance,
    recovered,
    countUnrecorded: () => running.unrecorded.count(clock.now()),
    startPublishing: (publisher, services) => running.startPublishing(publisher, services ?? {}),
    beat: () => running.beat(),
    answerGaps: () => running.answerGaps(),
    tend: () => running.tend(),
    stop: (deadlineMs) => running.stop(deadlineMs),
    trouble: () => running.trouble(),
    stats: () => running.stats(),
  };
}
