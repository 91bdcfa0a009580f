import { createTestDatabase, type TestDatabase } from '@tollgate/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { isInfrastructureError } from './infrastructure-error.ts';
import { openPool, type Pool } from './pool.ts';
import { type Transaction, transaction } from './transaction.ts';

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool({ url: database.ownerUrl, applicationName: 'test', maxConnections: 3 });
  await pool.query('CREATE TABLE entry (id int PRIMARY KEY)');
});

beforeEach(async () => {
  await pool.query('TRUNCATE entry');
});

afterAll(async () => {
  await pool.end();
  await database.close();
});

async function entries(): Promise<number[]> {
  const { rows } = await pool.query<{ id: number }>('SELECT id FROM entry ORDER BY id');
  return rows.map((row) => row.id);
}

test('what the work did is there when it returns, and its result is passed on', async () => {
  const result = await transaction(pool, async (tx) => {
    const { rowCount } = await tx.query('INSERT INTO entry VALUES ($1), ($2)', [1, 2]);
    return rowCount;
  });
  expect(result).toBe(2);
  expect(await entries()).toEqual([1, 2]);
});

test('nothing of it is there when the work throws, and the connection serves on', async () => {
  await expect(
    transaction(pool, async (tx) => {
      await tx.query({ text: 'INSERT INTO entry VALUES ($1)', values: [1] });
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  expect(await entries()).toEqual([]);
  expect(pool.totalCount).toBe(1);
});

test('a swallowed failure of a statement does not pass for a commit', async () => {
  await expect(
    transaction(pool, async (tx) => {
      await tx.query('INSERT INTO entry VALUES (1)');
      await tx.query('SELECT 1/0').catch(() => {});
    }),
  ).rejects.toMatchObject({ code: 'transaction_aborted' });
  expect(await entries()).toEqual([]);
});

test('a transaction that has ended refuses queries instead of sending them outside of it', async () => {
  let leaked: Transaction | undefined;
  await transaction(pool, async (tx) => {
    leaked = tx;
  });
  await expect(leaked?.query('INSERT INTO entry VALUES (1)')).rejects.toMatchObject({
    code: 'transaction_ended',
  });
  expect(await entries()).toEqual([]);
});

test('a connection that is lost within the work is given up, and the error says to try again', async () => {
  const lost = transaction(pool, async (tx) => {
    await tx.query('INSERT INTO entry VALUES (1)');
    await tx.query('SELECT pg_terminate_backend(pg_backend_pid())');
  });
  const error: unknown = await lost.catch((reason: unknown) => reason);
  expect(isInfrastructureError(error)).toBe(true);
  expect(await entries()).toEqual([]);
});

test('a connection that is lost between two queries does not end the process', async () => {
  const error: unknown = await transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await pool.query('SELECT pg_terminate_backend($1, 5000)', [rows[0]?.pid]);
    await new Promise((resolve) => setImmediate(resolve));
    await tx.query('INSERT INTO entry VALUES (1)');
  }).catch((reason: unknown) => reason);
  expect(isInfrastructureError(error)).toBe(true);
  expect(await entries()).toEqual([]);
});

test('of two serializable transactions that contradict each other, one is told to try again', async () => {
  const count = 'SELECT count(*)::int AS n FROM entry';
  const first = transaction(
    pool,
    async (tx) => {
      await tx.query(count);
      await transaction(
        pool,
        async (other) => {
          await other.query(count);
          await other.query('INSERT INTO entry VALUES (2)');
        },
        { isolation: 'serializable' },
      );
      await tx.query('INSERT INTO entry VALUES (1)');
    },
    { isolation: 'serializable' },
  );
  const error: unknown = await first.catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: '40001' });
  expect(isInfrastructureError(error)).toBe(true);
  expect(await entries()).toEqual([2]);
});

test('a read-only transaction refuses to write', async () => {
  const write = transaction(pool, (tx) => tx.query('INSERT INTO entry VALUES (1)'), { readOnly: true });
  await expect(write).rejects.toMatchObject({ code: '25006' });
});
