import type { Logger } from '@tollgate/telemetry';
import type { Budgets } from '../budgets/budgets.ts';
import type { Clock } from '../clock.ts';
import type { Recorder } from '../events/recorder.ts';
import type { Tallies } from '../metrics.ts';
import type { Payloads } from '../payloads/payloads.ts';
import type { Spool } from '../spool/spool.ts';
import type { UpstreamRequests } from './attempts/upstream-requests.ts';
import type { Deliveries } from './deliveries.ts';
import type { RunningCalls } from './running-calls.ts';
import type { Subjects } from './subjects.ts';

/** The bounds of one call. */
export interface CallLimits {
  /** How long the spool may take to make request and decision safe, in milliseconds. */
  readonly recordTimeoutMs: number;
  /** From sending the request to the first byte of the answer, in milliseconds. */
  readonly firstByteTimeoutMs: number;
  /** Between two chunks of an answer, in milliseconds. */
  readonly betweenChunksTimeoutMs: number;
  /** How long a caller may leave what was written for it unread, in milliseconds. */
  readonly callerStallTimeoutMs: number;
  /**
   * The whole call with all its attempts, in milliseconds, and each attempt at a target that says nothing. A first
   * target that may take longer has its time.
   */
  readonly totalTimeoutMs: number;
  /** The longest that a target is left alone because it asked for it (`Retry-After`), in milliseconds. */
  readonly maxRestMs: number;
  /** The largest answer that is held, and the largest single event of a stream. */
  readonly maxAnswerBytes: number;
}

/** What every call works with. */
export interface CallEnvironment {
  readonly clock: Clock;
  readonly spool: Spool;
  readonly recorder: Recorder;
  readonly subjects: Subjects;
  readonly requests: UpstreamRequests;
  readonly deliveries: Deliveries;
  readonly running: RunningCalls;
  readonly tallies: Tallies;
  readonly limits: CallLimits;
  /** Null where no limits are followed. */
  readonly budgets: Budgets | null;
  /** Null where there is no vault. */
  readonly payloads: Payloads | null;
  readonly log: Logger;
}
