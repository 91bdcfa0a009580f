import { createTestDatabase, type TestDatabase } from '@tollgate/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  boolColumn,
  byteaColumn,
  int4Column,
  int8Column,
  numericColumn,
  textColumn,
  timestamptzColumn,
  uuidColumn,
} from './binary-arrays.ts';
import { openPool, type Pool } from './pool.ts';

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool({ url: database.ownerUrl, applicationName: 'binary-arrays-test' });
});
afterAll(async () => {
  await pool.end();
  await database.close();
});

const same = <T>(value: T): T => value;

/** What Postgres reads, as its own text of each element. */
async function read(type: string, column: Buffer): Promise<(string | null)[]> {
  const { rows } = await pool.query<{ value: string | null }>(
    `SELECT value::text FROM unnest($1::${type}[]) WITH ORDINALITY AS e (value, n) ORDER BY n`,
    [column],
  );
  return rows.map((row) => row.value);
}

const nullable = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<(T | null)[]> =>
  fc.array(fc.option(arbitrary), { maxLength: 20 });
const RUNS = { numRuns: 100 };

describe('columns as binary arrays', () => {
  it('are read by Postgres as the UUIDs they were', async () => {
    await fc.assert(
      fc.asyncProperty(nullable(fc.uuid()), async (values) => {
        expect(await read('uuid', uuidColumn(values, same))).toEqual(values);
      }),
      RUNS,
    );
  });

  it('are read as the texts they were, in any script', async () => {
    const text = fc
      .string({ unit: 'binary', maxLength: 80 })
      .filter((value) => value.isWellFormed() && !value.includes('\0'));
    await fc.assert(
      fc.asyncProperty(nullable(text), async (values) => {
        expect(await read('text', textColumn(values, same))).toEqual(values);
      }),
      RUNS,
    );
  });

  it('are read as the bytes they were', async () => {
    const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array));
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { maxLength: 20 }), async (values) => {
        expect(await read('bytea', byteaColumn(values, same))).toEqual(
          values.map((value) => `\\x${value.toString('hex')}`),
        );
      }),
      RUNS,
    );
  });

  it('are read as the whole numbers they were', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.maxSafeInteger()), async (values) => {
        expect(await read('int8', int8Column(values, same))).toEqual(values.map(String));
      }),
      RUNS,
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer()), async (values) => {
        expect(await read('int4', int4Column(values, same))).toEqual(values.map(String));
      }),
      RUNS,
    );
  });

  it('are read as the truth values they were', async () => {
    expect(await read('bool', boolColumn([true, false], same))).toEqual(['true', 'false']);
    expect(await read('bool', boolColumn([], same))).toEqual([]);
  });

  it('are read as the decimals they were, digit by digit', async () => {
    const decimal = fc
      .tuple(fc.bigInt({ min: 0n, max: 10n ** 40n }), fc.stringMatching(/^\d{0,30}$/))
      .map(([whole, fraction]) => (fraction === '' ? `${whole}` : `${whole}.${fraction}`));
    await fc.assert(
      fc.asyncProperty(nullable(decimal), async (values) => {
        expect(await read('numeric', numericColumn(values, same))).toEqual(values);
      }),
      { numRuns: 300 },
    );
    expect(await read('numeric', numericColumn(['0', '0.000054', '10000', '9999.9999'], same))).toEqual([
      '0',
      '0.000054',
      '10000',
      '9999.9999',
    ]);
  });

  it('are read as the instants they were, to the microsecond', async () => {
    const micros = fc.integer({ min: Date.UTC(1970) * 1000, max: Date.UTC(2200) * 1000 });
    await fc.assert(
      fc.asyncProperty(fc.array(micros), async (values) => {
        const { rows } = await pool.query<{ micros: string }>(
          'SELECT (extract(epoch FROM value) * 1000000)::numeric(20)::text AS micros FROM unnest($1::timestamptz[]) AS e (value)',
          [timestamptzColumn(values, same)],
        );
        expect(rows.map((row) => Number(row.micros))).toEqual(values);
      }),
      RUNS,
    );
  });
});
