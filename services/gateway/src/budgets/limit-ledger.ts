import { type Limit, type Units, windowAt } from '@tollgate/limits';
import { WindowLedger } from './window-ledger.ts';

/** A lease holds the use of so many seconds. */
const CHUNK_SECONDS = 1.5;

/** And room for at least so many requests. */
const CHUNK_REQUESTS = 2n;

/** How long a window is remembered after its end, for requests that wait, in milliseconds. */
const REMEMBERED_MS = 10_000;

/** How much the latest measurement weighs in the rate of use. */
const RATE_WEIGHT = 0.3;

/** One limit, and what this gateway holds of its windows. */
export class LimitLedger {
  /** As it is now: an edit replaces it, and never changes its unit or window. */
  limit: Limit;
  /** By their beginning. Few: the running one, the next, and earlier ones that requests still draw on. */
  readonly windows = new Map<number, WindowLedger>();
  /** What the latest request needed. */
  lastNeed: Units = 1n;
  #running: WindowLedger | null = null;
  #usedSinceTick: Units = 0n;
  #unitsPerSecond = 0;

  constructor(limit: Limit) {
    this.limit = limit;
  }

  /** The window that holds an instant (milliseconds since the epoch). */
  windowAt(atMs: number): WindowLedger {
    const running = this.#running;
    if (running !== null && atMs >= running.startsAtMs && atMs < running.endsAtMs) return running;
    const { startsAtMs, endsAtMs } = windowAt(this.limit, atMs);
    let window = this.windows.get(startsAtMs);
    if (window === undefined) {
      window = new WindowLedger(startsAtMs, endsAtMs);
      this.windows.set(startsAtMs, window);
    }
    if (running === null || startsAtMs > running.startsAtMs) this.#running = window;
    return window;
  }

  /** The window that holds an instant, where anything is known of it. */
  known(atMs: number): WindowLedger | null {
    for (const window of this.windows.values()) {
      if (atMs >= window.startsAtMs && atMs < window.endsAtMs) return window;
    }
    return null;
  }

  /** The window after one of this limit, whether or not anything is held of it. */
  after(window: WindowLedger): WindowLedger {
    const found = this.windows.get(window.endsAtMs);
    if (found !== undefined) return found;
    const { startsAtMs, endsAtMs } = windowAt(this.limit, window.endsAtMs);
    const next = new WindowLedger(startsAtMs, endsAtMs);
    this.windows.set(startsAtMs, next);
    return next;
  }

  used(units: Units): void {
    this.#usedSinceTick += units;
  }

  /** Measures the rate of use; told how long ago it was last, in milliseconds. */
  tick(sinceMs: number): void {
    const rate = (Number(this.#usedSinceTick) * 1000) / Math.max(1, sinceMs);
    this.#usedSinceTick = 0n;
    this.#unitsPerSecond += (rate - this.#unitsPerSecond) * RATE_WEIGHT;
  }

  /** What a lease should hold: one to two seconds' recent use. */
  chunk(): Units {
    const recent = BigInt(Math.ceil(this.#unitsPerSecond * CHUNK_SECONDS));
    const least = CHUNK_REQUESTS * this.lastNeed;
    const chunk = recent > least ? recent : least;
    return chunk > this.limit.amount ? this.limit.amount : chunk;
  }

  /** Forgets windows that are over and hold nothing. */
  sweep(nowMs: number): void {
    for (const [startsAtMs, window] of this.windows) {
      if (window.endsAtMs + REMEMBERED_MS > nowMs || window.leases.length > 0 || window.want !== null)
        continue;
      this.windows.delete(startsAtMs);
      if (this.#running === window) this.#running = null;
    }
  }
}
