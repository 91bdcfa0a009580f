import type { Pool } from '@tollgate/database';

/** The partitions of the index: one per month of UTC in which something happened. */
export class IndexMonths {
  readonly #pool: Pool;
  readonly #known = new Set<string>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Sees to it that there is a partition for each month of these events, where there can be one. */
  async make(events: readonly { readonly happenedMs: number }[]): Promise<void> {
    for (const { happenedMs } of events) {
      const month = monthOf(happenedMs);
      if (this.#known.has(month)) continue;
      // What may not have one goes to the partition of everything else.
      await this.#pool.query('SELECT make_index_month($1::date)', [`${month}-01`]);
      this.#known.add(month);
    }
  }
}

function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 'YYYY-MM'.length);
}
