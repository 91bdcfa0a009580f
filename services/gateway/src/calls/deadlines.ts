import type { CallLimits } from './environment.ts';

/** When things happened to a call, in milliseconds of the monotonic clock; 0: not yet. */
export class CallTimes {
  readonly arrivedMs: number;
  dispatchedMs = 0;
  firstByteMs = 0;
  lastByteMs = 0;
  /** Since when the caller has not taken what was written for it; 0 where it has. */
  blockedMs = 0;

  constructor(arrivedMs: number) {
    this.arrivedMs = arrivedMs;
  }

  /** Microseconds from the arrival to `atMs`. */
  sinceArrivalUs(atMs: number): number {
    return Math.max(0, Math.round((atMs - this.arrivedMs) * 1000));
  }
}

/**
 * The deadline that a call has missed: its events were not safe in time, its caller does not read, or its upstream
 * took too long (in all, to the first byte, or between two chunks; not while it is held up for the caller's sake).
 */
export function passedDeadline(
  times: CallTimes,
  limits: CallLimits,
  totalTimeoutMs: number,
  nowMs: number,
): 'record' | 'caller-stall' | 'upstream' | null {
  const ageMs = nowMs - times.arrivedMs;
  if (times.dispatchedMs === 0) return ageMs > limits.recordTimeoutMs ? 'record' : null;
  if (times.blockedMs > 0 && nowMs - times.blockedMs > limits.callerStallTimeoutMs) return 'caller-stall';
  if (ageMs > totalTimeoutMs) return 'upstream';
  if (times.firstByteMs === 0)
    return nowMs - times.dispatchedMs > limits.firstByteTimeoutMs ? 'upstream' : null;
  if (times.blockedMs > 0) return null;
  return nowMs - times.lastByteMs > limits.betweenChunksTimeoutMs ? 'upstream' : null;
}
