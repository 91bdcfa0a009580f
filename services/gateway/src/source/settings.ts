import { COMMIT_WINDOW, type CommitWindow } from '../spool/commit-pace.ts';
import { SpoolError } from '../spool/errors.ts';

export interface SpoolSettings {
  readonly segmentBytes: number;
  /** Of all files of the spool. At the start it may be exceeded by what closes the requests of a lost epoch. */
  readonly maxBytes: number;
  /** Acknowledged segments are kept this long and up to this many bytes, to answer gaps. */
  readonly retainMs: number;
  readonly retainBytes: number;
  readonly commitWindow: CommitWindow;
  /** What nobody waits for is synced after this long; the sync itself comes on top. */
  readonly lazySyncMs: number;
  /** How long a caller waits for its level before it is turned away. */
  readonly waitMs: number;
  readonly publishLingerMs: number;
  readonly publishBatchBytes: number;
  readonly publishRetryMs: { readonly first: number; readonly most: number };
  readonly heartbeatMs: number;
  readonly earlierHeartbeatMs: number;
  readonly gapPollMs: number;
  /** Between two attempts to tell the directory the instance's key. */
  readonly registerMs: number;
}

const MIB = 1 << 20;

export const DEFAULT_SPOOL_SETTINGS: SpoolSettings = {
  segmentBytes: 16 * MIB,
  maxBytes: 2048 * MIB,
  retainMs: 60 * 60 * 1000,
  retainBytes: 256 * MIB,
  commitWindow: COMMIT_WINDOW,
  lazySyncMs: 25,
  waitMs: 5000,
  publishLingerMs: 100,
  publishBatchBytes: 512 * 1024,
  publishRetryMs: { first: 100, most: 5000 },
  heartbeatMs: 5000,
  earlierHeartbeatMs: 60_000,
  gapPollMs: 10_000,
  registerMs: 5000,
};
/** A reader has to get the largest event, with its frame, in one piece. */
const MIN_BATCH_BYTES = 128 * 1024;
/** A header's page, and some events of the largest size. */
const MIN_SEGMENT_BYTES = 256 * 1024;
/** A segment is read in one piece at recovery. */
const MAX_SEGMENT_BYTES = 256 * MIB;
/** One in use, one behind it, the reserve. */
const MIN_SEGMENTS = 3;

/** The settings with defaults filled in. @throws SpoolError `spool-setting` naming the one that can't work */
export function spoolSettings(given: Partial<SpoolSettings> = {}): SpoolSettings {
  const settings = { ...DEFAULT_SPOOL_SETTINGS, ...given };
  insist(settings.segmentBytes >= MIN_SEGMENT_BYTES, `segmentBytes is at least ${MIN_SEGMENT_BYTES}`);
  insist(settings.segmentBytes <= MAX_SEGMENT_BYTES, `segmentBytes is at most ${MAX_SEGMENT_BYTES}`);
  insist(
    settings.maxBytes >= MIN_SEGMENTS * settings.segmentBytes,
    `maxBytes is at least ${MIN_SEGMENTS} segments of ${settings.segmentBytes} bytes`,
  );
  insist(settings.publishBatchBytes >= MIN_BATCH_BYTES, `publishBatchBytes is at least ${MIN_BATCH_BYTES}`);
  return settings;
}

function insist(holds: boolean, rule: string): void {
  if (!holds) throw new SpoolError('spool-setting', `a setting of the spool can't work: ${rule}`);
}
