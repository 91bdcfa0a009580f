import type { Transaction } from '@tollgate/database';
import type { FollowedPrices } from '@tollgate/pricing';
import { lockLeases } from '../leases/lease-store.ts';
import { writeOutcome } from '../leases/write-outcome.ts';
import type { StoredLimitBook } from '../limits/limit-book.ts';
import { lockWindows } from '../windows/window-store.ts';
import { confirm, type UsageEvent } from './confirm.ts';
import { countOnce } from './counted-usage.ts';
import type { PriceGrace } from './price-grace.ts';

/** What a batch came to, for the metrics; the transaction may still be rolled back. */
export type ConfirmedBatch = {
  readonly events: number;
  readonly fresh: number;
  readonly uncounted: number;
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The handler of the topic `usage`: counts each event once, in windows and leases, within the transaction that also
 * moves the offset.
 */
export class ConfirmUsage {
  readonly #book: StoredLimitBook;
  readonly #prices: FollowedPrices;
  readonly #grace: PriceGrace;

  constructor(parts: {
    readonly book: StoredLimitBook;
    readonly prices: FollowedPrices;
    readonly grace: PriceGrace;
  }) {
    this.#book = parts.book;
    this.#prices = parts.prices;
    this.#grace = parts.grace;
  }

  async handle(events: readonly UsageEvent[], tx: Transaction): Promise<ConfirmedBatch> {
    // Before anything is locked: whoever changes a limit would wait, and every lease behind them.
    if (await anyMoney(tx)) await this.#grace.known(events);
    const limits = await this.#book.forTransaction(tx);
    const fresh = await countOnce(tx, events);
    const ids = new Set(fresh.flatMap(({ data }) => data.lease_ids.filter((id) => UUID.test(id))));
    const leases = await lockLeases(tx, [...ids]);
    const confirmation = confirm(fresh, { limits, prices: this.#prices.book(), leases });
    const keys = confirmation.changes.entries().map(({ key }) => key);
    await lockWindows(tx, keys, limits);
    await writeOutcome(tx, { changed: confirmation.leases, granted: [], changes: confirmation.changes });
    return { events: events.length, fresh: fresh.length, uncounted: confirmation.uncounted };
  }
}

async function anyMoney(tx: Transaction): Promise<boolean> {
  const { rows } = await tx.query<{ any: boolean }>({
    name: 'any-money',
    text: "SELECT EXISTS (SELECT FROM budget_limit WHERE unit = 'money' AND deleted_at IS NULL) AS any",
  });
  return rows[0]?.any === true;
}
