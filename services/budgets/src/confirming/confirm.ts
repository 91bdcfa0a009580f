import type { TollgateEvent } from '@tollgate/events';
import { limitApplies, type Units, usedOf, windowAt } from '@tollgate/limits';
import { type Cost, costOf, epochMicros, type PriceBook, pricesOf, priceUsage } from '@tollgate/pricing';
import { confirmed, type Lease, sumsOf } from '../leases/lease.ts';
import type { LimitBook } from '../limits/limit-book.ts';
import type { StoredLimit } from '../limits/stored-limit.ts';
import { WindowChanges } from '../windows/window-row.ts';

export type UsageEvent = TollgateEvent<'tollgate.usage.v1'>;

export type Confirmation = {
  readonly changes: WindowChanges;
  /** Leases that are named, with what the events add. */
  readonly leases: readonly Lease[];
  /** Times that a limit of money could not count an event. */
  readonly uncounted: number;
};

/**
 * What usage events that were not counted before mean for windows and leases. Pure.
 *
 * Every limit that applied when the request came counts the event in the window that held its arrival; so does the
 * limit of a lease that the event names. Where no lease of the limit is named, a degraded gateway let the request
 * pass: that takes from what is left, too.
 *
 * @param leases those that the events name, as far as they exist
 */
export function confirm(
  events: readonly UsageEvent[],
  known: {
    readonly limits: LimitBook;
    readonly prices: PriceBook;
    readonly leases: ReadonlyMap<string, Lease>;
  },
): Confirmation {
  const changes = new WindowChanges();
  const used = new Map<string, Units>();
  let uncounted = 0;
  for (const event of events) {
    const { attribution, requested_at: requestedAt, final, quantities } = event.data;
    const atMs = Date.parse(requestedAt);
    const leases = leasesOf(event, known);
    const use = { final, quantities, cost: lazyCost(event, known.prices) };
    for (const limit of limitsOf(event, atMs, leases, known.limits)) {
      const lease = leases.get(limit.limitId);
      const units = usedOf(
        limit,
        limit.unit === 'money' ? { ...use, cost: use.cost() } : { ...use, cost: null },
      );
      const change = changes.of({
        limitId: limit.limitId,
        startsAtMs: windowAt(limit, atMs).startsAtMs,
      });
      if (units === null) {
        change.uncounted += 1;
        uncounted += 1;
        continue;
      }
      if (limitApplies(limit, attribution)) change.confirmed += units;
      if (lease === undefined) change.unleased += units;
      else used.set(lease.leaseId, (used.get(lease.leaseId) ?? 0n) + units);
    }
  }
  const named = [...known.leases.values()].flatMap((lease) => {
    const units = used.get(lease.leaseId);
    if (units === undefined) return [];
    const after = confirmed(lease, units);
    const key = { limitId: lease.limitId, startsAtMs: lease.windowStartsAtMs };
    changes.replace(key, sumsOf(lease), sumsOf(after));
    return [after];
  });
  return { changes, leases: named, uncounted };
}

/** Of each limit, the lease that the event draws on: the first that it names. */
function leasesOf(
  event: UsageEvent,
  known: { readonly leases: ReadonlyMap<string, Lease> },
): Map<string, Lease> {
  const byLimit = new Map<string, Lease>();
  for (const id of event.data.lease_ids) {
    const lease = known.leases.get(id);
    if (lease !== undefined && !byLimit.has(lease.limitId)) byLimit.set(lease.limitId, lease);
  }
  return byLimit;
}

function limitsOf(
  event: UsageEvent,
  atMs: number,
  leases: ReadonlyMap<string, Lease>,
  limits: LimitBook,
): Set<StoredLimit> {
  const found = new Set(limits.at(event.data.attribution, atMs));
  for (const limitId of leases.keys()) {
    const limit = limits.get(limitId);
    if (limit !== undefined) found.add(limit);
  }
  return found;
}

/** What chargeback charges for the event; reckoned once, and only for limits of money. */
function lazyCost(event: UsageEvent, prices: PriceBook): () => Cost {
  let cost: Cost | null = null;
  return () => {
    cost ??= costOfUsage(event, prices);
    return cost;
  };
}

/** As chargeback prices it: by the rows in force when it was requested. */
export function costOfUsage(event: UsageEvent, prices: PriceBook): Cost {
  const { attribution, quantities, requested_at: requestedAt } = event.data;
  const lines = priceUsage(
    attribution.serving_mode,
    pricesOf(attribution, prices),
    quantities,
    epochMicros(requestedAt),
  );
  return costOf(lines);
}
