import type { Transaction } from '@tollgate/database';
import type { Attribution } from '@tollgate/events';
import { LimitIndex } from '@tollgate/limits';
import { LIMIT_COLUMNS, type LimitRow, type StoredLimit, storedLimit } from './stored-limit.ts';

/** Leases and confirmations hold it shared, a change of limits alone: each sees all of a change, or nothing. */
const LOCK = `hashtextextended('tollgate.budgets.limits', 0)`;

/** Windows remembered at most; past it the memory starts anew. */
const MAX_SEEN_WINDOWS = 100_000;

/** Every limit, deleted ones too. */
export class LimitBook {
  readonly #limits: ReadonlyMap<string, StoredLimit>;
  readonly #index: LimitIndex<StoredLimit>;
  readonly #seenWindows = new Set<string>();

  constructor(limits: readonly StoredLimit[]) {
    this.#limits = new Map(limits.map((limit) => [limit.limitId, limit]));
    this.#index = new LimitIndex(limits);
  }

  /** A limit, even a deleted one. */
  get(limitId: string): StoredLimit | undefined {
    return this.#limits.get(limitId);
  }

  /** Keys of windows that are known to have a row: none is ever removed. */
  get seenWindows(): ReadonlySet<string> {
    return this.#seenWindows;
  }

  /** These have been read, committed, from the table. */
  sawWindows(keys: Iterable<string>): void {
    if (this.#seenWindows.size > MAX_SEEN_WINDOWS) this.#seenWindows.clear();
    for (const key of keys) this.#seenWindows.add(key);
  }

  /** The limits that count what was requested at an instant (milliseconds since 1970). */
  at(attribution: Attribution, atMs: number): StoredLimit[] {
    return this.#index
      .of(attribution)
      .filter(
        ({ createdAtMs, deletedAtMs }) => atMs >= createdAtMs && (deletedAtMs === null || atMs < deletedAtMs),
      );
  }
}

/** The limits as a transaction sees them, kept in memory from one to the next and read again after a change. */
export class StoredLimitBook {
  #book = new LimitBook([]);
  #change = 0n;

  /** The book; no limit can change until the transaction has ended. */
  async forTransaction(tx: Transaction): Promise<LimitBook> {
    await tx.query({ name: 'lock-limits-shared', text: `SELECT pg_advisory_xact_lock_shared(${LOCK})` });
    // A statement of its own: it must see what was committed while the lock was waited for.
    const { rows } = await tx.query<{ change: bigint }>({
      name: 'limits-change',
      text: 'SELECT coalesce(max(change), 0) AS change FROM budget_limit',
    });
    const change = rows[0]?.change ?? 0n;
    if (change === this.#change) return this.#book;
    const limits = await tx.query<LimitRow>(`SELECT ${LIMIT_COLUMNS} FROM budget_limit`);
    const book = new LimitBook(limits.rows.map(storedLimit));
    // Another transaction may have come further in the meantime.
    if (change > this.#change) {
      this.#book = book;
      this.#change = change;
    }
    return book;
  }
}

/** Waits for transactions under way and keeps new ones waiting until this one ends. */
export async function lockLimits(tx: Transaction): Promise<void> {
  await tx.query(`SELECT pg_advisory_xact_lock(${LOCK})`);
}
