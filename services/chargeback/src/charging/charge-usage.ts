import type { ConsumedBatch } from '@tollgate/bus';
import type { Transaction } from '@tollgate/database';
import type { StoredPriceBook } from '../prices/price-store.ts';
import { type AttributionRow, AttributionRows } from './attribution-id.ts';
import type { BillingCalendar } from './billing-calendar.ts';
import { chargeBatch } from './charge-batch.ts';
import type { ChargedUsage, UsageEvent } from './charged-usage.ts';
import { insertAttributions, writeCharges } from './write-charges.ts';

/** What a batch came to, for the metrics; the transaction may still be rolled back. */
export type ChargedBatch = {
  readonly events: number;
  readonly fresh: readonly ChargedUsage[];
};

/** Attributions known to be stored; past it the memory starts anew. */
const MAX_STORED_ATTRIBUTIONS = 100_000;

/**
 * The handler of the topic `usage`: charges a batch, and puts the events of its charges into the outbox, within the
 * transaction that also moves the offset. Events that were charged before, by whatever way they come again, change
 * nothing and are told to nobody again.
 */
export class ChargeUsage {
  readonly #book: StoredPriceBook;
  readonly #calendar: BillingCalendar;
  readonly #now: () => number;
  readonly #attributions = new AttributionRows();
  /** Only what an earlier transaction has committed. */
  readonly #stored = new Set<string>();

  constructor(parts: {
    readonly book: StoredPriceBook;
    readonly calendar: BillingCalendar;
    /** Milliseconds since 1970. */
    readonly now: () => number;
  }) {
    this.#book = parts.book;
    this.#calendar = parts.calendar;
    this.#now = parts.now;
  }

  async handle(batch: ConsumedBatch<UsageEvent>, tx: Transaction): Promise<ChargedBatch> {
    const events = batch.messages.map((message) => message.event);
    if (events.length === 0) return { events: 0, fresh: [] };
    const zones = await this.#calendar.zonesOf(
      tx,
      new Set(events.map((event) => event.data.attribution.organisation_id)),
    );
    const book = await this.#book.forTransaction(tx);
    const charged = chargeBatch(events, {
      book,
      timeZoneOf: (organisationId) => zones.get(organisationId),
      attributions: this.#attributions,
    });
    await this.#storeAttributions(charged, tx);
    return { events: events.length, fresh: await writeCharges(tx, charged, this.#now()) };
  }

  async #storeAttributions(charged: readonly ChargedUsage[], tx: Transaction): Promise<void> {
    const missing = new Map<string, AttributionRow>();
    for (const { attributionRow } of charged) {
      if (!this.#stored.has(attributionRow.attributionId)) {
        missing.set(attributionRow.attributionId, attributionRow);
      }
    }
    if (missing.size === 0) return;
    if (this.#stored.size + missing.size > MAX_STORED_ATTRIBUTIONS) this.#stored.clear();
    for (const id of await insertAttributions(tx, [...missing.values()])) this.#stored.add(id);
  }
}
