import { afterEach, beforeEach, describe, it } from 'vitest';
import { busContract } from '../contract/index.ts';
import { createPostgresHarness, type PostgresHarness } from './postgres-harness.ts';

const TIMEOUT_MS = 90_000;

describe.each(Object.entries(busContract))('the bus in Postgres: %s', (_part, cases) => {
  let harness: PostgresHarness;
  beforeEach(async () => {
    harness = await createPostgresHarness();
  });
  afterEach(() => harness.close());

  for (const { title, run } of cases) it(title, () => run(harness), TIMEOUT_MS);
});
