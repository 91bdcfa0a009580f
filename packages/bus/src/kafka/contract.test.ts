import { afterEach, beforeEach, describe, it } from 'vitest';
import { busContract } from '../contract/index.ts';
import { createKafkaHarness, type KafkaHarness } from './kafka-harness.ts';

const TIMEOUT_MS = 90_000;

describe.each(Object.entries(busContract))('the bus on Kafka: %s', (_part, cases) => {
  let harness: KafkaHarness;
  beforeEach(async () => {
    harness = await createKafkaHarness();
  });
  afterEach(() => harness?.close());

  for (const { title, run } of cases) it(title, () => run(harness), TIMEOUT_MS);
});
