import { createTestDatabase, type TestDatabase, until } from '@tollgate/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listen } from './listen.ts';
import { openPool, type Pool } from './pool.ts';

let database: TestDatabase;
let owner: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  owner = openPool({ url: database.ownerUrl, applicationName: 'test' });
});

afterAll(async () => {
  await owner.end();
  await database.close();
});

test('passes notifications on, and after a lost connection says that some may have been missed', async () => {
  const heard: (string | undefined)[] = [];
  const listener = listen({
    url: database.ownerUrl,
    applicationName: 'listener',
    channel: 'Work to do',
    onNotify: (payload) => heard.push(payload),
    retryMs: 10,
  });
  await until(() => heard.length === 1, { timeoutMs: 5_000, describe: 'the first connection' });
  await owner.query(`NOTIFY "Work to do", 'first'`);
  await until(() => heard.length === 2, { timeoutMs: 5_000 });
  await owner.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'listener'",
  );
  await until(() => heard.length === 3, { timeoutMs: 5_000, describe: 'the second connection' });
  await owner.query(`NOTIFY "Work to do", 'second'`);
  await until(() => heard.length === 4, { timeoutMs: 5_000 });
  await listener.close();
  await owner.query(`NOTIFY "Work to do", 'nobody hears'`);
  expect(heard).toEqual([undefined, 'first', undefined, 'second']);
});

test('closes while the server is not there', async () => {
  const listener = listen({
    url: 'postgres://a:b@127.0.0.1:1/c',
    applicationName: 'listener',
    channel: 'x',
    onNotify: () => {},
  });
  await listener.close();
});
