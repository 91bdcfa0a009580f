import { openPool, type Pool, transaction } from '@tollgate/database';
import { createTestDatabase } from '@tollgate/testing';
import { BillingCalendar } from '../charging/billing-calendar.ts';
import { ChargeUsage } from '../charging/charge-usage.ts';
import type { UsageEvent } from '../charging/charged-usage.ts';
import { chargebackMigrations } from '../migrations.ts';
import { importPrices } from '../prices/import-prices.ts';
import type { PriceRow } from '../prices/price-row.ts';
import { StoredPriceBook } from '../prices/price-store.ts';
import { batchOf } from './usage-events.ts';

/** The billing time zones of the fixtures' organisations; `org_unknown` has none. */
export const TIME_ZONES: Readonly<Record<string, string>> = {
  org_acme: 'Europe/Berlin',
  org_kolkata: 'Asia/Kolkata',
};

/** When the fixtures' handlers make their charges. */
export const CHARGED_AT_MS = Date.parse('2026-03-10T12:00:02.000Z');

/** A migrated database, and what charges in it as the service's own role. */
export class ChargebackDatabase {
  readonly pool: Pool;
  /** As the owner, who may do what the role may not. */
  readonly owner: Pool;
  readonly ownerUrl: string;
  readonly url: string;
  readonly #drop: () => Promise<void>;

  private constructor(urls: { owner: string; role: string }, drop: () => Promise<void>) {
    this.ownerUrl = urls.owner;
    this.url = urls.role;
    this.pool = openPool({ url: urls.role, applicationName: 'chargeback-test', maxConnections: 8 });
    this.owner = openPool({
      url: `${urls.owner}?options=-csearch_path%3Dchargeback`,
      applicationName: 'chargeback-test',
    });
    this.#drop = drop;
  }

  static async create(): Promise<ChargebackDatabase> {
    const database = await createTestDatabase({ services: [chargebackMigrations] });
    const role = database.urlFor(chargebackMigrations.role);
    return new ChargebackDatabase({ owner: database.ownerUrl, role }, () => database.close());
  }

  /** A handler as a freshly started service has it. */
  handler(timeZoneOf = (id: string): string | undefined => TIME_ZONES[id]): ChargeUsage {
    const calendar = new BillingCalendar(
      { of: timeZoneOf, known: async () => {} },
      () => new Date('2026-03-10T12:00:00Z'),
    );
    return new ChargeUsage({ book: new StoredPriceBook(), calendar, now: () => CHARGED_AT_MS });
  }

  /** Charges one batch in a transaction of its own; returns how many events were new. */
  async charge(events: readonly UsageEvent[], handler = this.handler()): Promise<number> {
    const result = await transaction(this.pool, (tx) => handler.handle(batchOf(events), tx));
    return result.fresh.length;
  }

  async addPrices(rows: readonly PriceRow[], now = '2026-01-01T00:00:00Z'): Promise<void> {
    await transaction(this.pool, (tx) =>
      importPrices(
        tx,
        rows.map((row) => row.data),
        { actor: 'test', now: () => new Date(now) },
      ),
    );
  }

  async rows(sql: string): Promise<Record<string, unknown>[]> {
    const { rows } = await this.pool.query<Record<string, unknown>>(sql);
    return rows;
  }

  /** Every row of every table that charging writes, in one order: equal dumps, equal state. */
  async dump(): Promise<unknown> {
    return {
      attribution: await this.rows('SELECT * FROM attribution ORDER BY attribution_id'),
      usage: await this.rows(`SELECT to_jsonb(usage) - 'taken_in' AS row FROM usage ORDER BY event_id`),
      charge: await this.rows('SELECT * FROM charge ORDER BY usage_event_id, token_class'),
      usage_hour: await this.rows(
        'SELECT * FROM usage_hour ORDER BY hour, attribution_id, billing_period, outcome, fidelity, currency',
      ),
      charge_hour: await this.rows(
        'SELECT * FROM charge_hour ORDER BY hour, attribution_id, billing_period, outcome, fidelity, token_class, status, price_id',
      ),
    };
  }

  /** Forgets usage and charges, keeps prices. */
  async clear(): Promise<void> {
    await this.owner.query(
      'TRUNCATE attribution, usage, charge, usage_hour, charge_hour, billing_calendar, outbox',
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.pool.end(), this.owner.end()]);
    await this.#drop();
  }
}
