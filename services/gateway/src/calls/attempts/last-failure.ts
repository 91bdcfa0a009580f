import { type Refusal, refuse } from '../../errors.ts';
import type { Route } from '../../routing/route.ts';

/** What says most to a caller: first that a limit was reached and when to come back, then that it may help to. */
const TELLING: readonly number[] = [429, 503, 504];

/** What a caller is told of two failures: the one that says more; of equals, the later one. */
export function moreTelling(earlier: Refusal | null, later: Refusal): Refusal {
  return earlier !== null && rank(earlier.status) < rank(later.status) ? earlier : later;
}

/** The failure that a caller is told after the last attempt, with the time until the first target may be asked. */
export function lastFailure(failure: Refusal, route: Route, nowMs: number): Refusal {
  return failure.retryAfter === null ? failure : { ...failure, retryAfter: secondsUntil(route, nowMs) };
}

/** What a caller is told where none of a route's targets may be asked just now. */
export function unavailable(route: Route, nowMs: number): Refusal {
  const limited = route.targets.every(({ health }) => health.limited(nowMs));
  const refusal = refuse(limited ? 'upstream_rate_limit' : 'upstream_unavailable');
  return { ...refusal, retryAfter: secondsUntil(route, nowMs) };
}

function secondsUntil(route: Route, nowMs: number): number {
  return Math.max(1, Math.ceil(route.waitMs(nowMs) / 1000));
}

function rank(status: number): number {
  const at = TELLING.indexOf(status);
  return at < 0 ? TELLING.length : at;
}
