import { openPool, type Pool, type Transaction, transaction } from '@tollgate/database';
import { DirectoryView, type Principal, type Reach } from '@tollgate/http';
import type { LeaseAnswer, LeaseCall } from '@tollgate/limits';
import { FollowedPrices } from '@tollgate/pricing';
import { createTestDatabase } from '@tollgate/testing';
import type { UsageEvent } from '../confirming/confirm.ts';
import { type ConfirmedBatch, ConfirmUsage } from '../confirming/confirm-usage.ts';
import { PriceGrace } from '../confirming/price-grace.ts';
import { LeaseDesk } from '../leases/lease-desk.ts';
import { prune, type Reconciled, reconcileOnce } from '../leases/reconcile.ts';
import { StoredLimitBook } from '../limits/limit-book.ts';
import { type LimitDraft, limitDraft } from '../limits/limit-schema.ts';
import { LimitWriter } from '../limits/limit-writer.ts';
import type { StoredLimit } from '../limits/stored-limit.ts';
import { budgetsMigrations } from '../migrations.ts';
import { hearSources, type SourceEvent } from '../sources/hear-sources.ts';

export const EVERYTHING: Reach = { organisationId: null, teamIds: null };
export const PRINCIPAL: Principal = {
  type: 'user',
  id: 'user_admin',
  credentialId: 'tok_1',
  organisationId: null,
  roles: [],
  scopes: new Map(),
};
export const SOURCE = '/gateways/gw-1/0197c9a0-0000-7000-8000-000000000001';
export const LEASE_TTL_MS = 10_000;
export const IN_FLIGHT_MS = 600_000;
export const CLOCK_SKEW_MS = 1_000;

const BASE = { version: 1, deleted: false };

/** A migrated database with one organisation, and the service's parts at work in it under a clock of their own. */
export class BudgetsDatabase {
  readonly pool: Pool;
  readonly prices = new FollowedPrices();
  readonly view = new DirectoryView();
  readonly writer: LimitWriter;
  nowMs = Date.parse('2026-03-10T12:00:00Z');
  readonly #url: string;
  readonly #drop: () => Promise<void>;
  readonly #pools: Pool[] = [];

  private constructor(url: string, drop: () => Promise<void>) {
    this.#url = url;
    this.#drop = drop;
    this.pool = this.anotherPool();
    this.view.applyEntity({
      ...BASE,
      kind: 'organisation',
      id: 'org_acme',
      name: 'Acme',
      currency: 'USD',
      billing_time_zone: 'Europe/Berlin',
    });
    for (const id of ['team_search', 'team_support']) {
      this.view.applyEntity({
        ...BASE,
        kind: 'team',
        id,
        organisation_id: 'org_acme',
        name: id,
        cost_centre_id: null,
      });
    }
    this.writer = new LimitWriter({ pool: this.pool, view: this.view, now: () => this.nowMs });
  }

  static async create(): Promise<BudgetsDatabase> {
    const database = await createTestDatabase({ services: [budgetsMigrations] });
    return new BudgetsDatabase(database.urlFor(budgetsMigrations.role), () => database.close());
  }

  /** Connections of their own, as another replica has them. */
  anotherPool(maxConnections = 8): Pool {
    const pool = openPool({ url: this.#url, applicationName: 'budgets-test', maxConnections });
    this.#pools.push(pool);
    return pool;
  }

  /** A limit of the team `team_search`, changed as said. */
  limit(change: Partial<LimitDraft> = {}): Promise<StoredLimit> {
    const draft = limitDraft.parse({
      organisation_id: 'org_acme',
      scope: { team: 'team_search' },
      unit: 'total-tokens',
      window: 'day',
      amount: '1000',
      strict: true,
      ...change,
    });
    return this.writer.create({ principal: PRINCIPAL, reach: EVERYTHING }, draft);
  }

  desk(pool = this.pool): LeaseDesk {
    return new LeaseDesk({
      pool,
      book: new StoredLimitBook(),
      leaseTtlMs: LEASE_TTL_MS,
      now: () => this.nowMs,
    });
  }

  /** One call of the instance `gw-1`, changed as said. */
  async call(change: Partial<LeaseCall>, desk = this.desk()): Promise<LeaseAnswer> {
    const call = { instance: 'gw-1', source: SOURCE, reports: [], wants: [], ...change };
    return (await desk.serve(call, EVERYTHING)).answer;
  }

  /** Counts usage as the consumer does. */
  count(events: readonly UsageEvent[], handler = this.handler()): Promise<ConfirmedBatch> {
    return transaction(this.pool, (tx) => handler.handle(events, tx));
  }

  within<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return transaction(this.pool, work);
  }

  handler(graceMs = 0): ConfirmUsage {
    return new ConfirmUsage({
      book: new StoredLimitBook(),
      prices: this.prices,
      grace: new PriceGrace(this.prices, graceMs),
    });
  }

  hear(
    events: readonly SourceEvent[],
    publicKeyOf: (instance: string) => string | undefined,
  ): Promise<{ unverified: number }> {
    return transaction(this.pool, (tx) => hearSources(events, tx, { publicKeyOf, nowMs: this.nowMs }));
  }

  reconcile(): Promise<Reconciled> {
    return reconcileOnce(this.#reconcileOptions());
  }

  prune(): Promise<number> {
    return prune(this.#reconcileOptions());
  }

  async rows(sql: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    const { rows } = await this.pool.query<Record<string, unknown>>(sql, [...values]);
    return rows;
  }

  /** The one window of a limit, in the tables' own numbers. */
  async window(limitId: string): Promise<Record<string, unknown>> {
    const [row] = await this.rows(
      `SELECT amount, granted, settled, overshoot, unleased, confirmed, uncounted FROM budget_window WHERE limit_id = $1`,
      [limitId],
    );
    return row ?? {};
  }

  /** Every window whose sums are not those of its leases, or that holds more than its limit: none, ever. */
  async faults(): Promise<Record<string, unknown>[]> {
    return this.rows(`
      SELECT w.* FROM budget_window AS w LEFT JOIN (
        SELECT limit_id, window_starts_at AS starts_at, sum(held) AS held, sum(spent) AS spent,
          sum(greatest(0, spent - held)) AS over
        FROM (SELECT *, CASE state WHEN 'reconciled' THEN confirmed ELSE greatest(settled, confirmed) END AS spent
              FROM lease) AS l
        GROUP BY 1, 2
      ) AS l USING (limit_id, starts_at)
      WHERE w.granted <> coalesce(l.held, 0) OR w.settled <> coalesce(l.spent, 0)
        OR w.overshoot <> coalesce(l.over, 0) OR w.granted > w.amount`);
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.end()));
    await this.#drop();
  }

  #reconcileOptions() {
    return {
      pool: this.pool,
      book: new StoredLimitBook(),
      now: () => this.nowMs,
      inFlightMs: IN_FLIGHT_MS,
      clockSkewMs: CLOCK_SKEW_MS,
    };
  }
}
