import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Kafka 4.1 as testcontainers can start it. */
const IMAGE = 'confluentinc/cp-kafka:8.1.0';
const BROKER_PORT = 9093;
const ENGINE_TIMEOUT_MS = 5_000;
/** A slow or absent registry must not cost more than Kafka on Java would. */
const PULL_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 120_000;

export type ContainerOutcome =
  | { readonly started: true; readonly id: string; readonly broker: string }
  | { readonly started: false; readonly reason: string };

const run = promisify(execFile);

/** Starts a broker in a container that outlives this process; says why, where that can't be. */
export async function startKafkaContainer(): Promise<ContainerOutcome> {
  try {
    await run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: ENGINE_TIMEOUT_MS });
  } catch {
    return { started: false, reason: 'the engine does not answer' };
  }
  try {
    await run('docker', ['image', 'inspect', IMAGE], { timeout: ENGINE_TIMEOUT_MS });
  } catch {
    try {
      await run('docker', ['pull', '--quiet', IMAGE], { timeout: PULL_TIMEOUT_MS });
    } catch {
      return { started: false, reason: `${IMAGE} is not there and could not be pulled within a minute` };
    }
  }
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
