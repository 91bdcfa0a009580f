import { createTestDatabase, freePort } from '@tollgate/testing';
import { expect, test } from 'vitest';
import { DatabaseError } from './errors.ts';
import { isInfrastructureError } from './infrastructure-error.ts';
import { openPool } from './pool.ts';

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test('data that the database refuses are the message’s fault', async () => {
  const database = await createTestDatabase();
  const pool = openPool({ url: database.ownerUrl, applicationName: 'test' });
  try {
    await pool.query('CREATE TABLE entry (id int PRIMARY KEY CHECK (id > 0), at timestamptz)');
    await pool.query('INSERT INTO entry VALUES (1)');
    for (const statement of [
      'INSERT INTO entry VALUES (1)',
      'INSERT INTO entry VALUES (-1)',
      "INSERT INTO entry VALUES (2, 'yesterday, perhaps')",
      'INSERT INTO entry VALUES (99999999999)',
      'SELECT 1/0',
      "SELECT '{'::jsonb",
    ]) {
      expect(isInfrastructureError(await errorOf(pool.query(statement))), statement).toBe(false);
    }
  } finally {
    await pool.end();
    await database.close();
  }
});

test('a time-out, a missing table and a wrong password are not', async () => {
  const database = await createTestDatabase();
  const pool = openPool({ url: database.ownerUrl, applicationName: 'test', statementTimeoutMs: 50 });
  const wrong = new URL(database.ownerUrl);
  wrong.password = 'wrong';
  const stranger = openPool({ url: wrong.href, applicationName: 'test' });
  try {
    expect(isInfrastructureError(await errorOf(pool.query('SELECT pg_sleep(10)')))).toBe(true);
    expect(isInfrastructureError(await errorOf(pool.query('SELECT * FROM not_there')))).toBe(true);
    expect(isInfrastructureError(await errorOf(stranger.query('SELECT 1')))).toBe(true);
  } finally {
    await Promise.all([pool.end(), stranger.end()]);
    await database.close();
  }
});

test('a server that is not there is not', async () => {
  const pool = openPool({ url: `postgres://a:b@127.0.0.1:${await freePort()}/c`, applicationName: 'test' });
  const error = await errorOf(pool.query('SELECT 1'));
  expect(error).toBeInstanceOf(Error);
  expect(isInfrastructureError(error)).toBe(true);
  await pool.end();
});

test('causes count, whatever they are wrapped in', () => {
  const lost = new Error('Connection terminated unexpectedly');
  expect(isInfrastructureError(new Error('handler failed', { cause: lost }))).toBe(true);
  expect(isInfrastructureError(new AggregateError([new Error('other'), lost]))).toBe(true);
  expect(isInfrastructureError(new DatabaseError('not_migrated', 'run it'))).toBe(true);
  expect(isInfrastructureError(new Error('handler failed'))).toBe(false);
  expect(isInfrastructureError('ECONNREFUSED')).toBe(false);
  const circle = new Error('a');
  circle.cause = circle;
  expect(isInfrastructureError(circle)).toBe(false);
});
