import { createTestDatabase } from '@tollgate/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openPool } from './pool.ts';
import { parseTimestamptz } from './value-parsers.ts';

test('a timestamptz keeps its microseconds and always shows all six digits', () => {
  expect(parseTimestamptz('2025-01-31 12:00:00+00')).toBe('2025-01-31T12:00:00.000000Z');
  expect(parseTimestamptz('2025-01-31 12:00:00.5+00')).toBe('2025-01-31T12:00:00.500000Z');
  expect(parseTimestamptz('2025-01-31 12:00:00.123456+00')).toBe('2025-01-31T12:00:00.123456Z');
});

test('what RFC 3339 cannot say stays as the server wrote it', () => {
  expect(parseTimestamptz('infinity')).toBe('infinity');
  expect(parseTimestamptz('0044-03-15 12:00:00+00 BC')).toBe('0044-03-15 12:00:00+00 BC');
});

test('values of the server arrive without loss, in lists too', async () => {
  const database = await createTestDatabase();
  const pool = openPool({ url: database.ownerUrl, applicationName: 'test' });
  try {
    const { rows } = await pool.query(`
      SELECT 9223372036854775807::int8 AS big, 0.10000000000000000001::numeric AS exact, '2024-02-29'::date AS day,
             '2025-01-31 13:00:00.25+01'::timestamptz AS at, ARRAY[1, NULL, 9007199254740993]::int8[] AS bigs,
             ARRAY['2025-01-31 13:00:00+01']::timestamptz[] AS ats, ARRAY[1.10]::numeric[] AS exacts, 7 AS small,
             '\\x00ff'::bytea AS bytes, '{"a": [1]}'::jsonb AS document`);
    expect(rows).toEqual([
      {
        big: 9_223_372_036_854_775_807n,
        exact: '0.10000000000000000001',
        day: '2024-02-29',
        at: '2025-01-31T12:00:00.250000Z',
        bigs: [1n, null, 9_007_199_254_740_993n],
        ats: ['2025-01-31T12:00:00.000000Z'],
        exacts: ['1.10'],
        small: 7,
        bytes: Buffer.from([0, 255]),
        document: { a: [1] },
      },
    ]);
  } finally {
    await pool.end();
    await database.close();
  }
});

test('an instant sent as text comes back as the same text', async () => {
  const database = await createTestDatabase();
  const pool = openPool({ url: database.ownerUrl, applicationName: 'test' });
  const instant = fc
    .tuple(
      fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
      fc.nat(999),
    )
    .map(([date, micros]) => date.toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`));
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(instant, { minLength: 1 }), async (instants) => {
        const { rows } = await pool.query<{ instants: string[] }>('SELECT $1::timestamptz[] AS instants', [
          instants,
        ]);
        expect(rows[0]?.instants).toEqual(instants);
      }),
      { numRuns: 50 },
    );
  } finally {
    await pool.end();
    await database.close();
  }
});
