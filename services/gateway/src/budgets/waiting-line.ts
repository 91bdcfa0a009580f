import type { Units } from '@tollgate/limits';
import type { Draw, Need } from './reservation.ts';
import { reserveAll } from './reservation.ts';
import type { WindowLedger } from './window-ledger.ts';

/** A request for which no lease suffices. */
export interface Waiter {
  readonly needs: readonly Need[];
  /** When it began to wait, on the monotonic clock. */
  readonly sinceMs: number;
  /** Called once: it has what it needs. */
  readonly granted: (draws: Draw[]) => void;
  /** Called once instead: it can't have it. */
  readonly refused: (short: Short) => void;
}

/** Why a need can't be met. */
export interface Short {
  readonly why: 'exhausted' | 'unavailable';
  readonly need: Need;
}

/** What waiting requests need of one window, beyond what is there. */
export interface Demand {
  readonly least: Units;
  readonly total: Units;
}

/** Requests that wait for a lease, first come first served as far as each fits. */
export class WaitingLine {
  readonly #most: number;
  readonly #waiting = new Set<Waiter>();

  /** @param most who comes beyond is refused at once */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get full(): boolean {
    return this.#waiting.size >= this.#most;
  }

  add(waiter: Waiter): void {
    this.#waiting.add(waiter);
  }

  /** False where it had been granted or refused. */
  leave(waiter: Waiter): boolean {
    return this.#waiting.delete(waiter);
  }

  /**
   * Lets those go on whose needs can be met by now, and refuses those that `hopeless` says wait in vain.
   */
  serve(nowMs: number, hopeless: (need: Need, sinceMs: number) => Short | null): void {
    for (const waiter of this.#waiting) {
      const draws = reserveAll(waiter.needs, nowMs);
      if (draws !== null) {
        this.#waiting.delete(waiter);
        waiter.granted(draws);
        continue;
      }
      const short = firstShort(waiter, hopeless);
      if (short === null) continue;
      this.#waiting.delete(waiter);
      waiter.refused(short);
    }
  }

  /** What is waited for, by window. A waiter counts where it lacks something. */
  demand(nowMs: number): Map<WindowLedger, Demand> {
    const demand = new Map<WindowLedger, Demand>();
    for (const { needs } of this.#waiting) {
      for (const { window, amount } of needs) {
        if (window.leases.some((lease) => lease.canGive(amount, nowMs))) continue;
        const known = demand.get(window);
        demand.set(window, {
          least: known === undefined || amount < known.least ? amount : known.least,
          total: (known?.total ?? 0n) + amount,
        });
      }
    }
    return demand;
  }
}

function firstShort(
  { needs, sinceMs }: Waiter,
  hopeless: (need: Need, sinceMs: number) => Short | null,
): Short | null {
  for (const need of needs) {
    const short = hopeless(need, sinceMs);
    if (short !== null) return short;
  }
  return null;
}
