import type { Units } from '@tollgate/limits';

/**
 * A part of a limit's window that one gateway instance may spend.
 *
 * - `open`: the gateway may draw on it. It counts as wholly spent, expired or not, until it is known what it used.
 * - `returned`: the gateway said that it is done with it; what was not used went back to the window.
 * - `reconciled`: by the word of its source, every usage event that names it has been counted, so it equals their sum.
 */
export type LeaseState = 'open' | 'returned' | 'reconciled';

export type Lease = {
  readonly leaseId: string;
  readonly limitId: string;
  readonly windowStartsAtMs: number;
  readonly instance: string;
  readonly source: string;
  readonly granted: Units;
  /** What it takes from the window: `granted` while open; never more than that. */
  readonly held: Units;
  /** The greatest cumulative total reported. */
  readonly settled: Units;
  /** The sum of the usage events that name it. */
  readonly confirmed: Units;
  readonly state: LeaseState;
  readonly expiresAtMs: number;
  readonly closedAtMs: number | null;
};

/** A lease's part in the sums of its window. */
export type LeaseSums = {
  readonly granted: Units;
  readonly settled: Units;
  readonly overshoot: Units;
};

/** What is known to be used of it: until all its usage events are in, the greater of what gateway and events say. */
export function spentOf({ state, settled, confirmed }: Lease): Units {
  return state === 'reconciled' ? confirmed : greatest(settled, confirmed);
}

/** What it adds to its window. */
export function sumsOf(lease: Lease): LeaseSums {
  const spent = spentOf(lease);
  return {
    granted: lease.held,
    settled: spent,
    overshoot: spent > lease.held ? spent - lease.held : 0n,
  };
}

/** A report of its gateway: cumulative, so repeats and stragglers change nothing. */
export function reported(
  lease: Lease,
  report: { readonly settled: Units; readonly final: boolean },
  clock: { readonly nowMs: number; readonly ttlMs: number },
): Lease {
  if (lease.state === 'reconciled') return lease;
  const settled = greatest(report.settled, lease.settled);
  if (lease.state === 'returned') return { ...lease, settled };
  if (!report.final) {
    return { ...lease, settled, expiresAtMs: Math.max(lease.expiresAtMs, clock.nowMs + clock.ttlMs) };
  }
  const returned: Lease = { ...lease, settled, state: 'returned', closedAtMs: clock.nowMs };
  return { ...returned, held: least(lease.held, spentOf(returned)) };
}

/** Usage events that name it have been counted. What comes after it was closed can only be overshoot. */
export function confirmed(lease: Lease, used: Units): Lease {
  return { ...lease, confirmed: lease.confirmed + used };
}

/** Every usage event that names it has been counted: what it did not use goes back. */
export function reconciled(lease: Lease, nowMs: number): Lease {
  if (lease.state === 'reconciled') return lease;
  return {
    ...lease,
    state: 'reconciled',
    held: least(lease.held, lease.confirmed),
    closedAtMs: lease.closedAtMs ?? nowMs,
  };
}

function least(a: Units, b: Units): Units {
  return a < b ? a : b;
}

function greatest(a: Units, b: Units): Units {
  return a > b ? a : b;
}
