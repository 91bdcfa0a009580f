import type { InboxRow } from './inbox-row.ts';

export interface HeldEventsOptions {
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
  readonly maxBytes?: number;
}

/** Bytes of events; what is read of them for the index takes up about as much again. */
const DEFAULT_MAX_BYTES = 32 << 20;
/** What is held longer belongs to a transaction that was rolled back, or waits for its turn in the table just as well. */
const MAX_HELD_MS = 60_000;
/** A batch waits for room no longer: whoever makes it may be held up, and then the table has room. */
const MAX_WAIT_MS = 1_000;

interface Batch {
  readonly rows: Map<number, InboxRow>;
  readonly bytes: number;
  readonly sinceMs: number;
}

/**
 * What the consumer has just put into the inbox, for the integrator of the same process, which so need not read it
 * again. A copy and no more: only the table says what is in the inbox, a row counts only where its salt is that of the
 * table's, and what is not here is read there.
 */
export class HeldEvents {
  readonly #clock: () => number;
  readonly #maxBytes: number;
  /** By their first arrival, the oldest first. */
  readonly #batches = new Map<number, Batch>();
  readonly #batchOf = new Map<number, Batch>();
  #bytes = 0;
  #waiting: (() => void)[] = [];

  constructor({ clock = () => performance.now(), maxBytes = DEFAULT_MAX_BYTES }: HeldEventsOptions = {}) {
    this.#clock = clock;
    this.#maxBytes = maxBytes;
  }

  /** Takes a batch, unless it is full: what came first is wanted first. */
  add(rows: readonly InboxRow[]): void {
    const first = rows[0];
    if (first === undefined) return;
    this.#dropOld();
    if (this.#bytes >= this.#maxBytes) return;
    const bytes = rows.reduce((sum, row) => sum + row.bytes.length, 0);
    const batch = { rows: new Map(rows.map((row) => [row.arrival, row])), bytes, sinceMs: this.#clock() };
    this.#batches.set(first.arrival, batch);
    for (const { arrival } of rows) this.#batchOf.set(arrival, batch);
    this.#bytes += bytes;
  }

  get(arrival: number): InboxRow | undefined {
    return this.#batchOf.get(arrival)?.rows.get(arrival);
  }

  /** Forgets rows that are not in the inbox any more. */
  remove(arrivals: Iterable<number>): void {
    for (const arrival of arrivals) {
      const batch = this.#batchOf.get(arrival);
      if (batch === undefined) continue;
      this.#batchOf.delete(arrival);
      batch.rows.delete(arrival);
    }
    this.#drop(({ rows }) => rows.size === 0);
  }

  /** Resolves when there is room, or after a second. */
  async room(): Promise<void> {
    if (this.#bytes < this.#maxBytes) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, MAX_WAIT_MS);
    this.#waiting.push(resolve);
    await promise;
    clearTimeout(timer);
  }

  #dropOld(): void {
    const before = this.#clock() - MAX_HELD_MS;
    this.#drop(({ sinceMs }) => sinceMs < before);
  }

  #drop(unwanted: (batch: Batch) => boolean): void {
    for (const [first, batch] of this.#batches) {
      if (!unwanted(batch)) continue;
      this.#batches.delete(first);
      for (const arrival of batch.rows.keys()) this.#batchOf.delete(arrival);
      this.#bytes -= batch.bytes;
    }
    if (this.#bytes >= this.#maxBytes) return;
    for (const resolve of this.#waiting) resolve();
    this.#waiting = [];
  }
}
