import type { Position } from './spool.ts';

type Done = (error: Error | null) => void;

interface Waiter {
  readonly position: Position;
  readonly sinceMs: number;
  readonly done: Done;
}

/** Callers that wait for a mark to pass their position. */
export class Waiters {
  #waiting: Waiter[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  /** When the first of them came, by the monotonic clock; null if there are none. */
  get oldestSinceMs(): number | null {
    return this.#waiting[0]?.sinceMs ?? null;
  }

  add(position: Position, nowMs: number, done: Done): void {
    this.#waiting.push({ position, sinceMs: nowMs, done });
  }

  /** Calls back everyone up to `mark`. */
  settle(mark: Position): void {
    if (this.#waiting.length > 0) this.#release((waiter) => waiter.position <= mark, null);
  }

  /** Turns away everyone who has waited since before `beforeMs`. */
  expire(beforeMs: number, error: Error): void {
    this.#release((waiter) => waiter.sinceMs < beforeMs, error);
  }

  /** Turns away everyone. */
  fail(error: Error): void {
    this.#release(() => true, error);
  }

  #release(chosen: (waiter: Waiter) => boolean, error: Error | null): void {
    const before = this.#waiting;
    const kept = before.filter((waiter) => !chosen(waiter));
    if (kept.length === before.length) return;
    this.#waiting = kept;
    for (const waiter of before) if (chosen(waiter)) call(waiter.done, error);
  }
}

/** One caller's mistake must not keep the others waiting. */
export function call(done: Done, error: Error | null): void {
  try {
    done(error);
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}
