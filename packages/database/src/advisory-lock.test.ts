import { createTestDatabase, type TestDatabase, until } from '@tollgate/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AdvisoryLock, acquireAdvisoryLock } from './advisory-lock.ts';
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

function acquire(
  key: string,
  onLost: (cause: Error) => void = () => {},
  signal?: AbortSignal,
): Promise<AdvisoryLock> {
  return acquireAdvisoryLock({
    url: database.ownerUrl,
    applicationName: `lock ${key}`,
    key,
    onLost,
    retryMs: 10,
    ...(signal === undefined ? {} : { signal }),
  });
}

async function cutOff(key: string): Promise<void> {
  await owner.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [
    `lock ${key}`,
  ]);
}

test('one holds it at a time, and the next gets it when it is released', async () => {
  const first = await acquire('a');
  let second: AdvisoryLock | undefined;
  const waiting = acquire('a').then((lock) => {
    second = lock;
    return lock;
  });
  const other = await acquire('b');
  expect(second).toBeUndefined();
  await first.release();
  expect(first.ended.aborted).toBe(true);
  const lock = await waiting;
  expect(lock.ended.aborted).toBe(false);
  await Promise.all([lock.release(), lock.release(), other.release()]);
});

test('its loss is told once, and another gets it', async () => {
  const causes: Error[] = [];
  const lock = await acquire('c', (cause) => causes.push(cause));
  await cutOff('c');
  // At once, not at the next check.
  await until(() => lock.ended.aborted, { timeoutMs: 1_000 });
  const next = await acquire('c');
  await lock.release();
  await next.release();
  expect(causes).toHaveLength(1);
});

test('releasing it is no loss', async () => {
  const causes: Error[] = [];
  const lock = await acquire('d', (cause) => causes.push(cause));
  await lock.release();
  await (await acquire('d')).release();
  expect(causes).toEqual([]);
});

test('waiting ends with the signal', async () => {
  const lock = await acquire('e');
  const stop = new AbortController();
  const waiting = acquire('e', () => {}, stop.signal);
  stop.abort(new Error('stopping'));
  await expect(waiting).rejects.toThrow();
  await lock.release();
});
