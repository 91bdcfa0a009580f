import type { Units } from '@tollgate/limits';
import type { Lease } from './lease.ts';
import type { LimitLedger } from './limit-ledger.ts';
import type { WindowLedger } from './window-ledger.ts';

/** What a request needs of one limit. */
export interface Need {
  readonly ledger: LimitLedger;
  readonly window: WindowLedger;
  readonly amount: Units;
}

/** What a request holds of one limit. */
export interface Draw {
  readonly need: Need;
  readonly lease: Lease;
  /** What is held: what was needed, or more since. */
  amount: Units;
}

/** Reserves everything that a request needs, or nothing; in one step, so that no two requests get the same. */
export function reserveAll(needs: readonly Need[], nowMs: number): Draw[] | null {
  const draws: Draw[] = [];
  for (const need of needs) {
    const lease = need.window.reserve(need.amount, nowMs);
    if (lease === null) {
      for (const draw of draws) draw.lease.cancel(draw.amount);
      return null;
    }
    draws.push({ need, lease, amount: need.amount });
  }
  for (const { ledger, amount } of needs) ledger.lastNeed = amount;
  return draws;
}

/** What settling tells of each limit: how much of it was used; null where that can't be told. */
export type Measure = (ledger: LimitLedger) => Units | null;

/**
 * What an allowed request holds of the limits that apply to it, until it is settled: exactly once, whatever becomes of
 * the request.
 */
export class Reservation {
  /** For the request's decision and usage events. */
  readonly leaseIds: readonly string[];
  readonly #draws: readonly Draw[];
  readonly #settled: (draw: Draw, used: Units | null) => void;
  #open = true;

  /** @param settled told of each limit what was used */
  constructor(draws: readonly Draw[], settled: (draw: Draw, used: Units | null) => void) {
    this.#draws = draws;
    this.#settled = settled;
    this.leaseIds = draws.map(({ lease }) => lease.id);
  }

  /** Exchanges what was reserved for what was used. What can't be told counts as nothing. */
  settle(measure: Measure): void {
    this.#end((draw) => {
      const used = measure(draw.need.ledger);
      draw.lease.settle(draw.amount, used ?? 0n);
      this.#settled(draw, used);
    });
  }

  /**
   * Holds as much of each limit as `required` says, from the leases that it draws on; false, and nothing changed, where
   * one of them has not that much left, or `required` can't tell (null).
   */
  raise(required: Measure, nowMs: number): boolean {
    const raises: (readonly [Draw, Units])[] = [];
    for (const draw of this.#draws) {
      const amount = required(draw.need.ledger);
      if (amount === null) return false;
      const more = amount - draw.amount;
      if (more <= 0n) continue;
      if (!draw.lease.canGive(more, nowMs)) return false;
      raises.push([draw, more]);
    }
    for (const [draw, more] of raises) {
      draw.lease.add(more);
      draw.amount += more;
    }
    return true;
  }

  /** Gives everything back: the request was not let in after all. */
  cancel(): void {
    this.#end(({ lease, amount }) => lease.cancel(amount));
  }

  #end(each: (draw: Draw) => void): void {
    if (!this.#open) throw new Error('a reservation was ended twice');
    this.#open = false;
    for (const draw of this.#draws) each(draw);
  }
}
