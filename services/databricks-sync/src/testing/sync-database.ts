import { openPool, type Pool, transaction } from '@tollgate/database';
import { createLogger } from '@tollgate/telemetry';
import { createTestDatabase } from '@tollgate/testing';
import { type Deliverer, type DelivererOptions, startDeliverer } from '../delivery/deliverer.ts';
import { Preparation } from '../delivery/preparation.ts';
import { databricksSyncMigrations } from '../migrations.ts';
import { append } from '../queue/append.ts';
import { type Progress, readProgress } from '../queue/progress.ts';
import { TABLE_NAMES } from '../tables/columns.ts';
import type { LakehouseTarget } from '../target/lakehouse-target.ts';
import { batchOf } from './events.ts';

/** A migrated database, and what takes in and delivers in it as the service's own role. */
export class SyncDatabase {
  readonly pool: Pool;
  readonly url: string;
  readonly ownerUrl: string;
  readonly #drop: () => Promise<void>;
  readonly #deliverers: Deliverer[] = [];

  private constructor(url: string, ownerUrl: string, drop: () => Promise<void>) {
    this.url = url;
    this.ownerUrl = ownerUrl;
    this.pool = openPool({ url, applicationName: 'databricks-sync-test', maxConnections: 8 });
    this.#drop = drop;
  }

  static async create(): Promise<SyncDatabase> {
    const database = await createTestDatabase({ services: [databricksSyncMigrations] });
    return new SyncDatabase(database.urlFor(databricksSyncMigrations.role), database.ownerUrl, () =>
      database.close(),
    );
  }

  /** Takes events in, in one transaction. */
  async take(events: readonly Buffer[], nowMs = Date.now()): Promise<void> {
    await transaction(this.pool, (tx) => append(batchOf(events), tx, nowMs));
    for (const deliverer of this.#deliverers) deliverer.wake();
  }

  /** A deliverer for every table, as in a service of its own. */
  startDelivery(target: LakehouseTarget, change: Partial<DelivererOptions> = {}): Deliverer[] {
    const preparation = new Preparation(() => target.init());
    const started = TABLE_NAMES.map((table) =>
      startDeliverer({
        table,
        target,
        preparation,
        pool: this.pool,
        connection: { url: this.url, applicationName: 'databricks-sync-test' },
        limits: { maxRows: 5_000, maxBytes: 4 * 1024 * 1024 },
        maxStalenessMs: 0,
        deadlineMs: 20_000,
        logger: createLogger({ service: 'databricks-sync', level: 'silent' }),
        now: Date.now,
        random: () => 0,
        onDelivered: () => {},
        onFailed: () => {},
        ...change,
      }),
    );
    this.#deliverers.push(...started);
    return started;
  }

  async stopDelivery(): Promise<void> {
    await Promise.all(this.#deliverers.splice(0).map((deliverer) => deliverer.stop()));
  }

  async progress(table: Progress['table']): Promise<Progress> {
    const found = (await readProgress(this.pool)).find((progress) => progress.table === table);
    if (found === undefined) throw new Error('no progress');
    return found;
  }

  /** Whether nothing waits. */
  async drained(): Promise<boolean> {
    return (await readProgress(this.pool)).every(({ backlogRows }) => backlogRows === 0);
  }

  async close(): Promise<void> {
    await this.stopDelivery();
    await this.pool.end();
    await this.#drop();
  }
}
