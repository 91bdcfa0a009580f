import { openPool, type Pool } from '@tollgate/database';
import type { Topic } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { createTestDatabase, kafkaForTests, temporaryFolder } from '@tollgate/testing';
import type { Bus } from '../bus.ts';
import { type BusHarness, contractMigrations } from '../contract/index.ts';
import { busMigrations } from '../migrations.ts';
import { createKafkaBus } from './bus.ts';
import { createKafkaClient } from './connection/client.ts';
import type { KafkaConfig } from './connection/config.ts';
import { initTopics } from './topics/topics.ts';

const PARTITIONS = 3;
/** The least that a broker grants: members that were killed are missed soon. */
const SESSION_TIMEOUT_MS = 6_000;
const ROLE = 'bus_contract';

export type KafkaHarness = BusHarness & {
  readonly config: KafkaConfig;
  /** With every right on the contract's tables. */
  createOwnerPool(): Pool;
  close(): Promise<void>;
};

/** A harness with topics and a database of its own, on the test run's broker unless another cluster is given. */
export async function createKafkaHarness(brokers?: readonly string[]): Promise<KafkaHarness> {
  const config: KafkaConfig =
    brokers === undefined ? await kafkaForTests() : { brokers, topicPrefix: 'failover.' };
  const logger = createLogger({ service: 'bus-contract', level: 'silent' });
  await initTopics(config, {
    partitions: PARTITIONS,
    ...(brokers === undefined ? { replicationFactor: 1 } : {}),
    logger,
  });
  const database = await createTestDatabase({
    services: [{ schema: ROLE, role: ROLE, sets: [busMigrations, contractMigrations] }],
  });
  const connection = { url: database.urlFor(ROLE), applicationName: 'bus-contract' };
  const buses: Bus[] = [];
  const pools: Pool[] = [];

  function createBus(to: KafkaConfig): Bus {
    const bus = createKafkaBus(to, {
      logger,
      consume: { sessionTimeoutMs: SESSION_TIMEOUT_MS },
    });
    buses.push(bus);
    return bus;
  }

  function createPool(url: string): Pool {
    const pool = openPool({ ...connection, url });
    pools.push(pool);
    return pool;
  }

  return {
    config,
    connection,
    partitions: PARTITIONS,
    folder: temporaryFolder('bus'),
    createBus: () => createBus(config),
    createUnreachableBus: () => createBus({ ...config, brokers: ['127.0.0.1:1'] }),
    createPool: () => createPool(connection.url),
    createOwnerPool: () => createPool(`${database.ownerUrl}?options=-csearch_path%3D${ROLE}`),
    async publishTo(topic: Topic, partition: number, values: readonly Buffer[]) {
      const producer = createKafkaClient(config, 'bus-contract', logger).producer({
        createPartitioner: () => () => partition,
      });
      await producer.connect();
      await producer.send({
        topic: `${config.topicPrefix}${topic}`,
        messages: values.map((value) => ({ value })),
      });
      await producer.disconnect();
    },
    async close() {
      await Promise.all(buses.map((bus) => bus.close()));
      await Promise.all(pools.map((pool) => pool.end()));
      await database.close();
    },
  };
}
