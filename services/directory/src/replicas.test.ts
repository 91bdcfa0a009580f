import { createTestDatabase, type TestDatabase, until } from '@tollgate/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { directoryMigrations } from './migrations.ts';
import { type DirectoryUnderTest, directoryUnderTest } from './testing/directory-under-test.ts';

let database: TestDatabase;
let one: DirectoryUnderTest;
let two: DirectoryUnderTest;

beforeAll(async () => {
  database = await createTestDatabase({ services: [directoryMigrations] });
  one = await directoryUnderTest({ database });
  two = await directoryUnderTest({ database });
});
afterAll(async () => {
  await one?.stop();
  await two?.stop();
  await database?.close();
});

const make = () =>
  one.must('POST', '/v1/access-tokens', {
    principal_type: 'service',
    principal_id: 'somebody',
    name: `token ${Math.random()}`,
    scopes: ['directory:read'],
  });
const atTwo = async (secret: string) => (await two.call('GET', '/v1/teams', undefined, secret)).status;

test('a token made at one replica is known to the other, and its revocation too, within a second', async () => {
  const made = await make();
  await until(async () => (await atTwo(made.secret)) === 200, { timeoutMs: 1_000 });
  await one.must('DELETE', `/v1/access-tokens/${made.id}`, undefined, one.bootstrapToken);
  await until(async () => (await atTwo(made.secret)) === 401, { timeoutMs: 1_000 });
});

test('what was changed while the connection that listens was cut is caught up with', async () => {
  const revoked = await make();
  await until(async () => (await atTwo(revoked.secret)) === 200, { timeoutMs: 1_000 });
  const { rows } = await one.pool.query<{ cut: boolean }>(
    `SELECT pg_terminate_backend(pid) AS cut FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'tollgate-directory-listen'`,
  );
  expect(rows).toEqual([{ cut: true }, { cut: true }]);
  const made = await make();
  await one.must('DELETE', `/v1/access-tokens/${revoked.id}`);
  await until(async () => (await atTwo(made.secret)) === 200 && (await atTwo(revoked.secret)) === 401, {
    timeoutMs: 10_000,
  });
});

test('only one of two first starts on an empty database makes a bootstrap token', async () => {
  const fresh = await createTestDatabase({ services: [directoryMigrations] });
  const starts = await Promise.all([
    directoryUnderTest({ database: fresh }),
    directoryUnderTest({ database: fresh }),
  ]);
  try {
    expect(starts.map(({ bootstrapToken }) => bootstrapToken === '').toSorted()).toEqual([false, true]);
  } finally {
    for (const start of starts) await start.stop();
    await fresh.close();
  }
});
