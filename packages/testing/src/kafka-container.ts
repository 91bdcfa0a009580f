import { lackOfContainers } from './container-engine.ts';

/** Kafka 4.1 as testcontainers can start it. */
const IMAGE = 'confluentinc/cp-kafka:8.1.0';
const BROKER_PORT = 9093;
const START_TIMEOUT_MS = 120_000;

export type ContainerOutcome =
  | { readonly started: true; readonly id: string; readonly broker: string }
  | { readonly started: false; readonly reason: string };

/** Starts a broker in a container that outlives this process; says why, where that can't be. */
export async function startKafkaContainer(): Promise<ContainerOutcome> {
  const reason = await lackOfContainers([IMAGE]);
  if (reason !== undefined) return { started: false, reason };
  try {
    // The run's teardown removes it: testcontainers' own reaper would end it with the worker that started it.
    process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
    // Loaded only here: it is large, and most runs never need it.
    const { KafkaContainer } = await import('@testcontainers/kafka');
    const container = await new KafkaContainer(IMAGE)
      .withKraft()
      .withEnvironment({
        KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
      })
      .withStartupTimeout(START_TIMEOUT_MS)
      .start();
    const broker = `${container.getHost()}:${container.getMappedPort(BROKER_PORT)}`;
    return { started: true, id: container.getId(), broker };
  } catch (error) {
    return { started: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
