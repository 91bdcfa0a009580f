import type { Target } from '../routing/target.ts';
import type { Attempt } from './attempts/attempt.ts';
import type { CallLimits } from './environment.ts';

/** When things happened to a call, in milliseconds of the monotonic clock. */
export interface CallTimes {
  readonly arrivedMs: number;
  /** Since when its events are being made safe; only looked at while no attempt is on its way. */
  readonly waitingMs: number;
  /** Since when the caller has not taken what was written for it; 0 where it has. */
  readonly blockedMs: number;
}

/** The same of one attempt; 0: not yet. */
export interface AttemptTimes {
  readonly startedMs: number;
  readonly firstByteMs: number;
  readonly lastByteMs: number;
}

/** Microseconds from the arrival to `atMs`. */
export function sinceArrivalUs({ arrivedMs }: CallTimes, atMs: number): number {
  return Math.max(0, Math.round((atMs - arrivedMs) * 1000));
}

/** The first target of a call, which may have a time of its own. */
type FirstTarget = Pick<Target, 'totalTimeoutMs'>;

/** When a call has to be over with all its attempts. */
export function callEndsMs(
  { arrivedMs }: CallTimes,
  first: FirstTarget,
  { totalTimeoutMs }: CallLimits,
): number {
  return arrivedMs + Math.max(totalTimeoutMs, first.totalTimeoutMs ?? 0);
}

/** When the attempt on its way has to be over: the first has its target's time from the call's arrival on. */
export function attemptEndsMs(
  call: CallTimes,
  first: FirstTarget,
  attempt: Pick<Attempt, 'number' | 'startedMs' | 'target'> | null,
  limits: CallLimits,
): number {
  const mayTakeMs = attempt?.target.totalTimeoutMs ?? limits.totalTimeoutMs;
  if (attempt === null || attempt.number === 1) return call.arrivedMs + mayTakeMs;
  return Math.min(attempt.startedMs + mayTakeMs, callEndsMs(call, first, limits));
}

/**
 * The deadline that a call has missed: its events were not safe in time, its caller does not read, or its upstream
 * took too long (in all, to the first byte, or between two chunks; not while it is held up for the caller's sake).
 *
 * @param attempt the one on its way; null: none is
 * @param endsMs when it has to be over
 */
export function passedDeadline(
  call: CallTimes,
  attempt: AttemptTimes | null,
  endsMs: number,
  limits: CallLimits,
  nowMs: number,
): 'record' | 'caller-stall' | 'upstream' | null {
  if (attempt === null) return nowMs - call.waitingMs > limits.recordTimeoutMs ? 'record' : null;
  const { blockedMs } = call;
  if (blockedMs > 0 && nowMs - blockedMs > limits.callerStallTimeoutMs) return 'caller-stall';
  if (nowMs > endsMs) return 'upstream';
  if (attempt.firstByteMs === 0)
    return nowMs - attempt.startedMs > limits.firstByteTimeoutMs ? 'upstream' : null;
  if (blockedMs > 0) return null;
  return nowMs - attempt.lastByteMs > limits.betweenChunksTimeoutMs ? 'upstream' : null;
}
