import {
  type LeaseRefusal,
  type LeaseWant,
  LimitError,
  MAX_LEASE_LATENESS_MS,
  MAX_LEASE_LOOKAHEAD_MS,
  parseUnits,
  type Units,
  windowAt,
} from '@tollgate/limits';
import type { StoredLimit } from '../limits/stored-limit.ts';

/** A want that makes sense: whether there is room for it is yet to be seen. */
export type PlannedWant = {
  readonly leaseId: string;
  readonly limit: StoredLimit;
  readonly windowStartsAtMs: number;
  readonly windowEndsAtMs: number;
  readonly amount: Units;
  readonly minimum: Units;
};

/**
 * What is wanted, checked against limit and calendar.
 *
 * @param limitOf the limits that the caller reaches, deleted ones too
 */
export function planWants(
  wants: readonly LeaseWant[],
  limitOf: (limitId: string) => StoredLimit | undefined,
  nowMs: number,
): { readonly planned: PlannedWant[]; readonly refused: LeaseRefusal[] } {
  const planned: PlannedWant[] = [];
  const refused: LeaseRefusal[] = [];
  for (const want of wants) {
    const limit = limitOf(want.limit_id);
    const result = limit === undefined ? 'limit_unknown' : planOf(want, limit, nowMs);
    if (typeof result !== 'string') planned.push(result);
    else refused.push({ lease_id: want.lease_id, limit_id: want.limit_id, code: result });
  }
  return { planned, refused };
}

function planOf(want: LeaseWant, limit: StoredLimit, nowMs: number): PlannedWant | LeaseRefusal['code'] {
  if (limit.deletedAtMs !== null) return 'limit_unknown';
  const startsAtMs = Date.parse(want.window_starts_at);
  const window = windowAt(limit, startsAtMs);
  if (window.startsAtMs !== startsAtMs) return 'window_invalid';
  if (startsAtMs > nowMs + MAX_LEASE_LOOKAHEAD_MS || window.endsAtMs <= nowMs - MAX_LEASE_LATENESS_MS) {
    return 'window_closed';
  }
  try {
    const amount = parseUnits(limit.unit, want.amount);
    const minimum = parseUnits(limit.unit, want.minimum);
    if (minimum <= 0n || amount < minimum) return 'want_invalid';
    return {
      leaseId: want.lease_id,
      limit,
      windowStartsAtMs: startsAtMs,
      windowEndsAtMs: window.endsAtMs,
      amount,
      minimum,
    };
  } catch (error) {
    if (error instanceof LimitError) return 'want_invalid';
    throw error;
  }
}
