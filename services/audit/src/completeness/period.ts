import { QUARTER_MS } from '../indexing/event-counts.ts';

/** From an instant up to, but without, another; epoch milliseconds, on quarters of an hour of UTC. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The longest that a request takes, with a wide margin: an event is stored at most so long after its `requested_at`. */
export const LONGEST_REQUEST_MS = 60 * 60_000;
/** A request's first event is stored at most so long after its `requested_at`, a difference of clocks included. */
export const SETTLING_MS = 60_000;
/** A year and a day: a statement over more would list too much. */
const MAX_PERIOD_MS = 367 * 24 * 60 * 60_000;

/** What is wrong with a period, as a sentence; null where nothing is. */
export function periodFault({ fromMs, toMs }: Period): string | null {
  if (fromMs >= toMs) return 'must be later than `from`';
  if (fromMs % QUARTER_MS !== 0 || toMs % QUARTER_MS !== 0) {
    return 'must lie on a quarter of an hour of UTC, and `from` too: what is counted is counted by these';
  }
  return toMs - fromMs > MAX_PERIOD_MS ? 'must be at most a year after `from`' : null;
}

/** Whether two stretches of time have an instant in common. */
export function overlap(period: Period, fromMs: number, toMs: number): boolean {
  return fromMs < period.toMs && toMs >= period.fromMs;
}
