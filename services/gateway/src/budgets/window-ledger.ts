import type { Units } from '@tollgate/limits';
import { Lease } from './lease.ts';

/** A lease that was asked for under an id of ours, and not answered yet: asked for again under the same id. */
export interface Want {
  readonly leaseId: string;
  readonly amount: Units;
  readonly minimum: Units;
}

/** How a window stands, as the budgets service said. */
export interface Remaining {
  /** What is left beyond all leases. */
  readonly units: Units;
  /** What is not known to be used: left, or held by leases, of which some go back. */
  readonly unspent: Units;
  /** When that was, on the monotonic clock. */
  readonly knownMs: number;
}

/** Since nothing is known. */
const UNKNOWN: Remaining = { units: 0n, unspent: 0n, knownMs: Number.NEGATIVE_INFINITY };

/** The leases that this gateway holds of one window of one limit. */
export class WindowLedger {
  /** Milliseconds since the epoch; half-open. */
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  /** Oldest first: those are drawn on first. */
  leases: Lease[] = [];
  want: Want | null = null;
  remaining: Remaining = UNKNOWN;
  /** When the service last said that it gives nothing of this window, whatever is left: it knows no such thing. */
  rejectedMs = Number.NEGATIVE_INFINITY;
  /** When something was reserved last, on the monotonic clock. */
  lastUsedMs = Number.NEGATIVE_INFINITY;

  constructor(startsAtMs: number, endsAtMs: number) {
    this.startsAtMs = startsAtMs;
    this.endsAtMs = endsAtMs;
  }

  /** Reserves from the oldest lease that has so much; null where none has. One step: nothing comes in between. */
  reserve(amount: Units, nowMs: number): Lease | null {
    for (const lease of this.leases) {
      if (!lease.canGive(amount, nowMs)) continue;
      lease.reserve(amount);
      this.lastUsedMs = nowMs;
      return lease;
    }
    return null;
  }

  add(id: string, granted: Units, sentMs: number, termMs: number): Lease {
    const lease = new Lease(id, granted, sentMs, termMs);
    this.leases.push(lease);
    return lease;
  }

  /** What can be reserved just now, over all leases. */
  free(nowMs: number): Units {
    let free = 0n;
    for (const lease of this.leases) {
      if (lease.drawable && nowMs < lease.expiresMs && lease.free > 0n) free += lease.free;
    }
    return free;
  }

  /** What leases that nobody draws on hold: it can go back to be granted again in one piece. */
  returnable(): Units {
    let units = 0n;
    for (const lease of this.leases) if (lease.inFlight === 0 && lease.free > 0n) units += lease.free;
    return units;
  }

  /** What running requests hold: some of it comes free when they settle. */
  reserved(): Units {
    let units = 0n;
    for (const lease of this.leases) units += lease.reserved;
    return units;
  }
}
