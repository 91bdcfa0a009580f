import { randomUUID } from 'node:crypto';
import { startLocalKafka } from '@tollgate/bus/local-kafka';
import { identityOf } from '@tollgate/database/embedded';
import { TestingError } from './errors.ts';
import { startKafkaContainer } from './kafka-container.ts';
import { startedOnce } from './started-once.ts';

export type KafkaForTests = {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  /** The caller's own: no other test has topics or groups that begin with it. */
  readonly topicPrefix: string;
  /** Where the broker is from. */
  readonly from: 'KAFKA_BROKERS' | 'docker' | 'java';
};

type Shared = Omit<KafkaForTests, 'topicPrefix'>;

const START_TIMEOUT_MS = 400_000;

/**
 * The one broker of the test run: that of `KAFKA_BROKERS` if set, else a container where Docker answers and has the
 * image or gets it soon, else Apache Kafka on the local Java, fetched once from Maven Central. A test that kills
 * brokers starts its own with `startLocalKafka`.
 *
 * @throws TestingError `shared_start_failed`, naming all three ways
 */
export async function kafkaForTests(): Promise<KafkaForTests> {
  const shared = await sharedKafka();
  return { ...shared, topicPrefix: `test.${randomUUID().slice(0, 8)}.` };
}

function sharedKafka(): Promise<Shared> {
  const given = process.env['KAFKA_BROKERS'];
  if (given !== undefined && given !== '') {
    return Promise.resolve({ brokers: given.split(','), from: 'KAFKA_BROKERS' });
  }
  return startedOnce<Shared>({
    name: 'kafka',
    timeoutMs: START_TIMEOUT_MS,
    async start({ folder, endAtTeardown }) {
      const container = await startKafkaContainer();
      if (container.started) {
        await endAtTeardown({
          kind: 'command',
          command: ['docker', 'rm', '--force', '--volumes', container.id],
        });
        return { brokers: [container.broker], from: 'docker' };
      }
      try {
        const local = await startLocalKafka({ folder, outlivesUs: true });
        for (const { pid } of local.nodes) {
          const process = await identityOf(pid);
          if (process !== undefined) await endAtTeardown({ kind: 'process', process, signal: 'SIGKILL' });
        }
        return { brokers: [...local.brokers], from: 'java' };
      } catch (error) {
        throw new TestingError(
          'shared_start_failed',
          `no Kafka for the tests. KAFKA_BROKERS: not set. Docker: ${container.reason}. Local Java: ${error instanceof Error ? error.message : String(error)}`,
          { cause: error },
        );
      }
    },
    parse(value) {
      const shared = value as Shared;
      if (!Array.isArray(shared?.brokers) || shared.brokers.length === 0) throw new TypeError('no brokers');
      return shared;
    },
  });
}
