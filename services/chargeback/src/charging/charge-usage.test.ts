import { transaction } from '@tollgate/database';
import { until } from '@tollgate/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ChargebackDatabase } from '../testing/chargeback-database.ts';
import { priceOf } from '../testing/price-rows.ts';
import { batchOf, countingUuid, MODEL, type UsageSpec, usageEvent } from '../testing/usage-events.ts';
import { rollupDifferences } from './rollup-differences.ts';

const tokens = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 1, max: 200_000 }),
  fc.integer({ min: 1, max: 1e11 }),
);

/** Any usage that a gateway could report, over few enough dimensions that events meet in rollup rows. */
const anyUsage = (n: number): fc.Arbitrary<UsageSpec> =>
  fc
    .record({
      team: fc.constantFrom('team_search', 'team_support'),
      model: fc.constantFrom(MODEL, 'databricks-bge-large-en', 'unknown-model'),
      mode: fc.constantFrom('pay-per-token' as const, 'provisioned-throughput' as const),
      organisation: fc.constantFrom('org_acme', 'org_kolkata', 'org_unknown'),
      at: fc.date({
        min: new Date('2026-02-27T00:00:00Z'),
        max: new Date('2026-04-02T00:00:00Z'),
        noInvalidDate: true,
      }),
      outcome: fc.constantFrom('completed' as const, 'aborted' as const, 'gateway-lost' as const),
      final: fc.boolean(),
      input: tokens,
      output: tokens,
      cached: tokens,
      reasoning: tokens,
      creation: tokens,
    })
    .map((any) => ({
      n,
      attribution: {
        organisation_id: any.organisation,
        team_id: any.team,
        served_model: any.model,
        serving_mode: any.mode,
      },
      quantities: {
        input_tokens: any.input,
        output_tokens: any.output,
        cached_input_tokens: any.cached,
        cache_creation_tokens: any.creation,
        reasoning_tokens: any.reasoning,
      },
      data: { requested_at: any.at.toISOString(), outcome: any.outcome, final: any.final },
    }));

let database: ChargebackDatabase;

beforeAll(async () => {
  database = await ChargebackDatabase.create();
  await database.addPrices([
    priceOf({ amount: '0.54' }),
    priceOf({ token_class: 'output', amount: '0.64' }),
    priceOf({ token_class: 'reasoning', amount: '0.7' }),
    priceOf({ token_class: 'output', amount: '1.28', effective_from: '2026-03-15T00:00:00Z' }),
    priceOf({
      model: 'databricks-bge-large-en',
      token_class: 'embedding',
      amount: '0.1',
      effective_to: '2026-03-20T00:00:00Z',
    }),
  ]);
});
afterAll(() => database.close());
beforeEach(() => database.clear());

describe('charging a batch', () => {
  it('writes usage, a charge per token class with its price, and the rollups', async () => {
    await database.charge([usageEvent({ n: 1 }), usageEvent({ n: 2, quantities: { output_tokens: 30 } })]);

    expect(await database.rows('SELECT * FROM charge ORDER BY usage_event_id, token_class')).toEqual([
      charge(1, 'input', 100n, '0.000054'),
      charge(1, 'output', 10n, '0.0000064'),
      charge(2, 'input', 100n, '0.000054'),
      charge(2, 'output', 30n, '0.0000192'),
    ]);
    expect(
      await database.rows('SELECT requests, attempts, input_tokens, output_tokens, currency FROM usage_hour'),
    ).toEqual([{ requests: 2n, attempts: 2n, input_tokens: 200n, output_tokens: 40n, currency: 'USD' }]);
    expect(
      await database.rows(
        'SELECT token_class, lines, quantity, amount FROM charge_hour ORDER BY token_class',
      ),
    ).toEqual([
      { token_class: 'input', lines: 2n, quantity: 200n, amount: '0.000108' },
      { token_class: 'output', lines: 2n, quantity: 40n, amount: '0.0000256' },
    ]);
    expect(await database.rows(`SELECT * FROM usage WHERE event_id = '${countingUuid(1)}'`)).toEqual([
      expect.objectContaining({
        request_id: countingUuid(1, 2),
        client_request_id: 'client-1',
        requested_at: '2026-03-10T12:00:00.000000Z',
        billing_period: '2026-03',
        time_zone_assumed: false,
        final: true,
        outcome: 'completed',
        fidelity: 'provider',
        sequence: 2n,
      }),
    ]);
  });

  it('charges failed, aborted and lost attempts by what they used', async () => {
    await database.charge([
      usageEvent({ n: 1, data: { outcome: 'failed', final: false } }),
      usageEvent({ n: 2, data: { outcome: 'aborted', fidelity: 'partial' } }),
      usageEvent({ n: 3, data: { outcome: 'gateway-lost', fidelity: 'estimated' } }),
    ]);
    expect(
      await database.rows(
        'SELECT outcome, fidelity, requests, input_tokens FROM usage_hour ORDER BY outcome',
      ),
    ).toEqual([
      { outcome: 'aborted', fidelity: 'partial', requests: 1n, input_tokens: 100n },
      { outcome: 'failed', fidelity: 'provider', requests: 0n, input_tokens: 100n },
      { outcome: 'gateway-lost', fidelity: 'estimated', requests: 1n, input_tokens: 100n },
    ]);
    expect(await database.rows('SELECT sum(amount) AS amount FROM charge_hour')).toEqual([
      { amount: '0.0001812' },
    ]);
  });

  it('counts a request that reached no upstream, and charges nothing', async () => {
    const quantities = { input_tokens: 0, output_tokens: 0 };
    await database.charge([
      usageEvent({ n: 1, quantities, data: { outcome: 'not-attempted', attempt: 0, fidelity: 'counted' } }),
    ]);
    expect(await database.rows('SELECT outcome, requests, attempts, currency FROM usage_hour')).toEqual([
      { outcome: 'not-attempted', requests: 1n, attempts: 0n, currency: null },
    ]);
    expect(await database.rows('SELECT * FROM charge')).toEqual([]);
  });

  it('lists what has no price, without an amount', async () => {
    await database.charge([usageEvent({ n: 1, attribution: { served_model: 'unheard-of' } })]);
    expect(await database.rows('SELECT token_class, status, amount, price_id FROM charge')).toEqual([
      { token_class: 'input', status: 'unpriced', amount: null, price_id: null },
      { token_class: 'output', status: 'unpriced', amount: null, price_id: null },
    ]);
    expect(
      await database.rows('SELECT status, sum(lines) AS lines FROM charge_hour GROUP BY status'),
    ).toEqual([{ status: 'unpriced', lines: '2' }]);
  });

  it('puts usage into the month of the organisation, and says where it had to assume UTC', async () => {
    const data = { requested_at: '2026-03-31T22:30:00Z' };
    await database.charge([
      usageEvent({ n: 1, data, attribution: { organisation_id: 'org_acme' } }),
      usageEvent({ n: 2, data, attribution: { organisation_id: 'org_kolkata' } }),
      usageEvent({ n: 3, data, attribution: { organisation_id: 'org_unknown' } }),
      usageEvent({ n: 4, data: { requested_at: '2026-03-31T21:59:59.999Z' } }),
    ]);
    expect(
      await database.rows('SELECT billing_period, time_zone_assumed FROM usage ORDER BY event_id'),
    ).toEqual([
      { billing_period: '2026-04', time_zone_assumed: false },
      { billing_period: '2026-04', time_zone_assumed: false },
      { billing_period: '2026-03', time_zone_assumed: true },
      { billing_period: '2026-03', time_zone_assumed: false },
    ]);
  });

  it('keeps an organisation in the time zone of its first usage, in every process', async () => {
    await database.charge([usageEvent({ n: 1 })]);
    const moved = database.handler(() => 'America/New_York');
    await database.charge([usageEvent({ n: 2, data: { requested_at: '2026-03-31T22:30:00Z' } })], moved);
    expect(await database.rows('SELECT billing_period FROM usage ORDER BY event_id')).toEqual([
      { billing_period: '2026-03' },
      { billing_period: '2026-04' },
    ]);
  });

  it('does not take for stored what a transaction rolled back', async () => {
    const handler = database.handler();
    const events = [usageEvent({ n: 1 })];
    await expect(
      transaction(database.pool, async (tx) => {
        await handler.handle(batchOf(events), tx);
        throw new Error('the broker went away');
      }),
    ).rejects.toThrow('the broker went away');
    expect(await database.charge(events, handler)).toBe(1);
    expect(await database.rows('SELECT team_id, tags FROM attribution')).toEqual([
      { team_id: 'team_search', tags: { app: 'indexer', env: 'prod' } },
    ]);
    expect(await database.rows('SELECT time_zone FROM billing_calendar')).toEqual([
      { time_zone: 'Europe/Berlin' },
    ]);
  });

  it('uses a price row as soon as it is in the book', async () => {
    const handler = database.handler();
    const attribution = { served_model: 'new-model' };
    const at = { requested_at: '2026-07-02T00:00:00Z' };
    await database.charge([usageEvent({ n: 1, attribution, data: at })], handler);
    await database.addPrices([priceOf({ model: 'new-model', effective_from: '2026-07-01T00:00:00Z' })]);
    await database.charge([usageEvent({ n: 2, attribution, data: at })], handler);
    expect(
      await database.rows("SELECT status FROM charge WHERE token_class = 'input' ORDER BY usage_event_id"),
    ).toEqual([{ status: 'unpriced' }, { status: 'priced' }]);
  });

  it('makes an import wait for the batches that are being charged', async () => {
    const handler = database.handler();
    const order: string[] = [];
    let imported: Promise<void> | undefined;
    await transaction(database.pool, async (tx) => {
      await handler.handle(batchOf([usageEvent({ n: 1 })]), tx);
      imported = database
        .addPrices([priceOf({ model: 'waits', effective_from: '2026-07-01T00:00:00Z' })])
        .then(() => void order.push('imported'));
      await until(
        async () =>
          (await database.rows("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")).length,
        { timeoutMs: 10_000, describe: 'the import does not wait' },
      );
      order.push('charged');
    });
    await imported;
    expect(order).toEqual(['charged', 'imported']);
  });

  it('gives the role no way to change or remove prices, usage or charges', async () => {
    await database.charge([usageEvent({ n: 1 })]);
    for (const table of ['price', 'usage', 'charge', 'attribution', 'billing_calendar']) {
      await expect(database.pool.query(`DELETE FROM ${table}`)).rejects.toThrow(/permission denied/);
      await expect(database.pool.query(`TRUNCATE ${table}`)).rejects.toThrow(/permission denied/);
    }
    await expect(database.pool.query('UPDATE charge SET amount = 0')).rejects.toThrow(/permission denied/);
    await expect(database.pool.query('UPDATE price SET amount = 0')).rejects.toThrow(/permission denied/);
  });
});

describe('exactly once', () => {
  const LENGTH = 30;
  const TIMEOUT_MS = 120_000;
  const events = fc
    .tuple(...Array.from({ length: LENGTH }, (_, n) => anyUsage(n)))
    .map((specs) => specs.map(usageEvent));
  /** Batches of indexes, with repeats, in any order. */
  const deliveries = fc.array(fc.array(fc.nat({ max: LENGTH - 1 }), { maxLength: 20 }), { maxLength: 4 });

  it(
    'comes to the same rows whatever is delivered again, in any order, in any batches',
    async () => {
      await fc.assert(
        fc.asyncProperty(events, deliveries, async (all, again) => {
          await database.clear();
          await database.charge(all);
          const expected = await database.dump();
          expect(await rollupDifferences(database.pool)).toEqual([]);

          await database.clear();
          const handler = database.handler();
          for (const batch of again) {
            await database.charge(
              batch.map((index) => all[index]).filter((event) => event !== undefined),
              handler,
            );
          }
          await database.charge(all.toReversed(), handler);
          for (const batch of again) {
            await database.charge(batch.map((index) => all[index]).filter((event) => event !== undefined));
          }
          expect(await database.dump()).toEqual(expected);
          expect(await rollupDifferences(database.pool)).toEqual([]);
        }),
        { numRuns: 10 },
      );
    },
    TIMEOUT_MS,
  );

  it(
    'sums to what whole numbers say, reckoned another way',
    async () => {
      await fc.assert(
        fc.asyncProperty(events, async (all) => {
          await database.clear();
          await database.charge(all);
          // Prices per token in units of 10^-9, by hand.
          let expected = 0n;
          for (const { data } of all) {
            const { served_model, serving_mode } = data.attribution;
            if (serving_mode !== 'pay-per-token') continue;
            const q = data.quantities;
            if (served_model === 'databricks-meta-llama-3-3-70b-instruct') {
              const reasoning = BigInt(Math.min(q.reasoning_tokens, q.output_tokens));
              const late = data.requested_at >= '2026-03-15';
              expected += 540n * BigInt(q.input_tokens) + 700n * reasoning;
              expected += (late ? 1280n : 640n) * (BigInt(q.output_tokens) - reasoning);
            } else if (served_model === 'databricks-bge-large-en' && data.requested_at < '2026-03-20') {
              expected += 100n * BigInt(q.input_tokens);
            }
          }
          const [charges] = await database.rows(
            'SELECT coalesce(sum(amount), 0) * 1000000000 AS nanos FROM charge',
          );
          const [rollups] = await database.rows(
            'SELECT coalesce(sum(amount), 0) * 1000000000 AS nanos FROM charge_hour',
          );
          expect(String(charges?.['nanos']).replace(/\.0+$/, '')).toBe(String(expected));
          expect(String(rollups?.['nanos']).replace(/\.0+$/, '')).toBe(String(expected));
        }),
        { numRuns: 10 },
      );
    },
    TIMEOUT_MS,
  );

  it('does not deadlock when partitions add to the same rollup rows in different orders', async () => {
    const hours = 20;
    const partitions = Array.from({ length: 6 }, (_, partition) =>
      Array.from({ length: 40 }, (_, batch) =>
        Array.from({ length: hours }, (_, index) => {
          const hour = partition % 2 === 0 ? index : hours - 1 - index;
          return usageEvent({
            n: (partition * 40 + batch) * hours + index,
            data: { requested_at: `2026-03-10T${String(hour).padStart(2, '0')}:00:00Z` },
          });
        }),
      ),
    );
    await Promise.all(
      partitions.map(async (batches) => {
        const handler = database.handler();
        for (const batch of batches) await database.charge(batch, handler);
      }),
    );
    expect(await database.rows('SELECT count(*) AS rows, sum(requests) AS requests FROM usage_hour')).toEqual(
      [{ rows: 20n, requests: '4800' }],
    );
    expect(await rollupDifferences(database.pool)).toEqual([]);
  });

  it('neither deadlocks nor miscounts when partitions commit at once and share events', async () => {
    const all = Array.from({ length: 400 }, (_, n) =>
      usageEvent({
        n,
        attribution: { key_id: `key_${n % 7}` },
        data: { requested_at: `2026-03-10T0${n % 5}:00:00Z` },
      }),
    );
    const partitions = Array.from({ length: 6 }, (_, partition) => {
      const handler = database.handler();
      const order = all.toSorted((a, b) => (a.id < b.id ? 1 : -1) * (partition % 2 === 0 ? 1 : -1));
      return (async () => {
        let fresh = 0;
        for (let from = 0; from < order.length; from += 50) {
          fresh += await database.charge(order.slice(from, from + 50), handler);
        }
        return fresh;
      })();
    });
    const fresh = await Promise.all(partitions);
    expect(fresh.reduce((a, b) => a + b, 0)).toBe(all.length);
    expect(
      await database.rows('SELECT sum(requests) AS requests, sum(input_tokens) AS input FROM usage_hour'),
    ).toEqual([{ requests: '400', input: '40000' }]);
    expect(await rollupDifferences(database.pool)).toEqual([]);
  });
});

function charge(n: number, tokenClass: string, quantity: bigint, amount: string): unknown {
  return {
    usage_event_id: countingUuid(n),
    token_class: tokenClass,
    quantity,
    status: 'priced',
    price_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8/),
    amount,
    currency: 'USD',
  };
}
