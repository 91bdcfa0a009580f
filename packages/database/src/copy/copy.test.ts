import { createTestDatabase, type TestDatabase } from '@tollgate/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openPool, type Pool } from '../pool.ts';
import { transaction } from '../transaction.ts';
import { CopyRows } from './copy-rows.ts';
import { tsvectorBytes } from './tsvector.ts';

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool({ url: database.ownerUrl, applicationName: 'test', maxConnections: 2 });
  await pool.query(
    `CREATE TABLE thing (id bigint PRIMARY KEY, small int, yes boolean, name text, at timestamptz, key uuid, bytes bytea,
                         terms tsvector)`,
  );
});

beforeEach(async () => {
  await pool.query('TRUNCATE thing');
});

afterAll(async () => {
  await pool.end();
  await database.close();
});

const TARGET = 'thing (id, small, yes, name, at, key, bytes, terms)';
const KEY = '0198a6f0-0000-7abc-9def-0123456789ab';

interface Thing {
  readonly id: number;
  readonly small: number;
  readonly yes: boolean;
  readonly name: string | null;
  readonly atMs: number;
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly terms: readonly string[];
}

function rowsOf(things: readonly Thing[]): CopyRows {
  const rows = new CopyRows(8);
  for (const each of things) {
    rows.row();
    rows.int8(each.id);
    rows.int4(each.small);
    rows.boolean(each.yes);
    rows.text(each.name);
    rows.instant(each.atMs);
    rows.uuid(each.key);
    rows.bytes(each.bytes);
    rows.bytes(tsvectorBytes([...new Set(each.terms)]));
  }
  return rows;
}

const textWithoutNul = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', ''));
const thing: fc.Arbitrary<Thing> = fc.record({
  id: fc.maxSafeInteger(),
  small: fc.integer(),
  yes: fc.boolean(),
  name: fc.option(textWithoutNul),
  atMs: fc.integer({ min: Date.parse('0001-01-01T00:00:00Z'), max: Date.parse('9999-12-31T23:59:59.999Z') }),
  key: fc.uuid(),
  bytes: fc.uint8Array({ maxLength: 3_000 }),
  terms: fc.array(textWithoutNul.filter((text) => text !== '')),
});

test('values of every kind arrive as they are', async () => {
  const things = fc.uniqueArray(thing, { selector: ({ id }) => id, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(things, async (all) => {
      await pool.query('TRUNCATE thing');
      await transaction(pool, (tx) => tx.copyIn(TARGET, rowsOf(all)));
      const { rows } = await pool.query<Record<string, unknown>>(
        `SELECT id, small, yes, name, (extract(epoch FROM at) * 1000)::int8 AS ms, key, bytes,
                tsvector_to_array(terms) AS terms
         FROM thing`,
      );
      const byId = new Map(rows.map((row) => [Number(row['id']), row]));
      expect(byId.size).toBe(all.length);
      for (const each of all) {
        const row = byId.get(each.id);
        expect(row).toMatchObject({ small: each.small, yes: each.yes, name: each.name, key: each.key });
        expect(Number(row?.['ms'])).toBe(each.atMs);
        expect(row?.['bytes']).toEqual(Buffer.from(each.bytes));
        expect(new Set(row?.['terms'] as string[])).toEqual(new Set(each.terms));
      }
    }),
    { numRuns: 40 },
  );
});

const ONE: Thing = {
  id: 1,
  small: 0,
  yes: true,
  name: null,
  atMs: 0,
  key: KEY,
  bytes: Buffer.alloc(0),
  terms: [],
};

test('more than goes out at once arrives, and says where its bytes lie', async () => {
  const rows = new CopyRows(2);
  const places = Array.from({ length: 3_000 }, (_, n) => {
    rows.row();
    rows.int8(n);
    return rows.bytes(Buffer.alloc(1_000, n));
  });
  await transaction(pool, (tx) => tx.copyIn('thing (id, bytes)', rows));
  const { rows: found } = await pool.query<{ bytes: Buffer }>('SELECT bytes FROM thing ORDER BY id');
  const sent = rows.finish();
  found.forEach(({ bytes }, n) => {
    const at = places[n] ?? 0;
    if (!bytes.equals(sent.subarray(at, at + 1_000)) || bytes[0] !== n % 256) throw new Error(`row ${n}`);
  });
  expect(found).toHaveLength(3_000);
});

test('rows that the table refuses are an error of the server, and the connection serves on', async () => {
  const twice = transaction(pool, (tx) => tx.copyIn(TARGET, rowsOf([ONE, ONE])));
  await expect(twice).rejects.toMatchObject({ code: '23505', constraint: 'thing_pkey' });
  const strange = transaction(pool, (tx) => tx.copyIn('thing (nothing)', new CopyRows(1)));
  await expect(strange).rejects.toMatchObject({ code: '42703' });
  await transaction(pool, (tx) => tx.copyIn(TARGET, rowsOf([ONE])));
  expect((await pool.query('SELECT FROM thing')).rowCount).toBe(1);
  expect(pool.totalCount).toBe(1);
});

test('what fails later takes the rows with it, and an ended transaction takes none', async () => {
  let kept: Parameters<Parameters<typeof transaction>[1]>[0] | undefined;
  const failing = transaction(pool, async (tx) => {
    kept = tx;
    await tx.copyIn(TARGET, rowsOf([ONE]));
    throw new Error('later');
  });
  await expect(failing).rejects.toThrow('later');
  expect((await pool.query('SELECT FROM thing')).rowCount).toBe(0);
  await expect(kept?.copyIn(TARGET, rowsOf([ONE]))).rejects.toMatchObject({ code: 'transaction_ended' });
});
