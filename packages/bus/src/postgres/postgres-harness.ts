import { openPool, type Pool } from '@tollgate/database';
import { TOPICS } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { createTestDatabase, temporaryFolder } from '@tollgate/testing';
import type { Bus } from '../bus.ts';
import { type BusHarness, contractMigrations } from '../contract/index.ts';
import { busMigrations } from '../migrations.ts';
import { append } from './append.ts';
import { createPostgresBus } from './bus.ts';
import { type EmbeddedBusOptions, initEmbeddedBus } from './init.ts';

const PARTITIONS = 3;
const ROLE = 'bus_contract';

export type PostgresHarness = BusHarness & {
  /** Another pool, as the owner of everything. */
  createOwnerPool(): Pool;
  close(): Promise<void>;
};

/** A harness with a log of its own in the test run's Postgres. */
export async function createPostgresHarness(
  options: Partial<Pick<EmbeddedBusOptions, 'retentionMs' | 'compactionLagMs'>> = {},
): Promise<PostgresHarness> {
  const database = await createTestDatabase({
    services: [{ schema: ROLE, role: ROLE, sets: [busMigrations, contractMigrations] }],
  });
  await initEmbeddedBus({
    ownerUrl: database.ownerUrl,
    roles: [{ role: ROLE, writes: TOPICS }],
    partitions: PARTITIONS,
    ...options,
  });
  const logger = createLogger({ service: 'bus-contract', level: 'silent' });
  const connection = { url: database.urlFor(ROLE), applicationName: 'bus-contract' };
  const buses: Bus[] = [];
  const pools: Pool[] = [];

  function createBus(url: string): Bus {
    const bus = createPostgresBus({ url }, { logger });
    buses.push(bus);
    return bus;
  }
  function createPool(url: string): Pool {
    const pool = openPool({ ...connection, url });
    pools.push(pool);
    return pool;
  }

  return {
    connection,
    partitions: PARTITIONS,
    folder: temporaryFolder('bus'),
    createBus: () => createBus(connection.url),
    createUnreachableBus: () => createBus('postgres://nobody@127.0.0.1:1/nothing'),
    createPool: () => createPool(connection.url),
    createOwnerPool: () => createPool(database.ownerUrl),
    async publishTo(topic, partition, values) {
      const messages = values.map((value) => ({ topic, key: 'key', value }));
      await append(createPool(connection.url), [{ topic, partition, messages }]);
    },
    async close() {
      await Promise.all(buses.map((bus) => bus.close()));
      await Promise.all(pools.map((pool) => pool.end()));
      await database.close();
    },
  };
}
