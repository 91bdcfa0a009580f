import { transaction } from '@tollgate/database';
import { until } from '@tollgate/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ChargebackDatabase } from '../testing/chargeback-database.ts';
import { priceOf } from '../testing/price-rows.ts';
import { batchOf, countingUuid, usageEvent } from '../testing/usage-events.ts';
import { chargeId } from './charge-id.ts';
import {
  type ChargedUsageRow,
  endPosition,
  readChargedUsage,
  START,
  type UsagePosition,
} from './charged-usage-query.ts';

const EVERYTHING = { organisationId: null, teamIds: null };

let database: ChargebackDatabase;

beforeAll(async () => {
  database = await ChargebackDatabase.create();
  await database.addPrices([priceOf()]);
});
afterAll(() => database.close());
beforeEach(() => database.clear());

async function read(after: UsagePosition, limit = 100): Promise<{ ids: string[]; end: UsagePosition }> {
  const rows = await readChargedUsage(database.pool, { after, limit, reach: EVERYTHING, filter: {} });
  return { ids: rows.map((row) => row.event_id), end: positionOf(rows.at(-1)) ?? after };
}

/** Waits until so many usages can be read: other tests' transactions, on the same server, hold them back. */
async function settledEnd(usages: number): Promise<UsagePosition> {
  await until(async () => (await read(START)).ids.length === usages, { timeoutMs: 60_000 });
  return endPosition(database.pool);
}

function positionOf(row: ChargedUsageRow | undefined): UsagePosition | undefined {
  return row === undefined ? undefined : { takenIn: row.taken_in, eventId: row.event_id };
}

describe('following what is charged', () => {
  it('misses nothing of a transaction that commits after a later one', async () => {
    const handler = database.handler();
    // Calendar and attribution are there already, so that the two below don't wait for each other.
    await database.charge(
      [usageEvent({ n: 0, data: { requested_at: '2026-03-01T12:00:00.000Z' } })],
      handler,
    );
    const start = await settledEnd(1);
    const slow = Promise.withResolvers<void>();
    const charged = Promise.withResolvers<void>();
    const first = transaction(database.pool, async (tx) => {
      await handler.handle(batchOf([usageEvent({ n: 1 })]), tx);
      charged.resolve();
      await slow.promise;
    });
    await charged.promise;
    await database.charge(
      [usageEvent({ n: 2, data: { requested_at: '2026-03-11T12:00:00.000Z' } })],
      handler,
    );

    try {
      expect((await read(start)).ids).toEqual([]);
      expect(await endPosition(database.pool)).toEqual(start);
    } finally {
      slow.resolve();
      await first;
    }
    await settledEnd(3);
    const late = await read(start);
    expect(late.ids.toSorted()).toEqual([countingUuid(1), countingUuid(2)]);
    expect((await read(late.end)).ids).toEqual([]);
  });

  it('hands out every usage once, page by page, whatever the size of pages and batches', async () => {
    for (const [from, to] of [
      [0, 7],
      [7, 8],
      [8, 30],
    ] as const) {
      await database.charge(Array.from({ length: to - from }, (_, n) => usageEvent({ n: from + n })));
    }
    await settledEnd(30);
    for (const limit of [1, 4, 7, 100]) {
      const seen: string[] = [];
      for (let at = START; ; ) {
        const { ids, end } = await read(at, limit);
        if (ids.length === 0) break;
        seen.push(...ids);
        at = end;
      }
      expect(seen).toHaveLength(30);
      expect(new Set(seen).size).toBe(30);
    }
  });

  it('gives amounts as exact decimals, and none where nothing has a price', async () => {
    await database.charge([
      usageEvent({ n: 1, quantities: { input_tokens: 1, output_tokens: 0 } }),
      usageEvent({ n: 2, quantities: { input_tokens: 0, output_tokens: 1 } }),
      usageEvent({ n: 3, quantities: { input_tokens: 0, output_tokens: 0 } }),
    ]);
    await settledEnd(3);
    const rows = await readChargedUsage(database.pool, {
      after: START,
      limit: 9,
      reach: EVERYTHING,
      filter: {},
    });
    expect(rows.map((row) => [row.amount, row.charges.map((charge) => charge.amount)])).toEqual([
      ['0.00000054', ['0.00000054']],
      [null, [null]],
      [null, []],
    ]);
  });
});

describe('chargeId', () => {
  it('is the same for the same event and token class, and for no other', () => {
    const id = chargeId(countingUuid(1), 'input');
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(chargeId(countingUuid(1), 'input')).toBe(id);
    expect(chargeId(countingUuid(1), 'output')).not.toBe(id);
    expect(chargeId(countingUuid(2), 'input')).not.toBe(id);
  });
});
