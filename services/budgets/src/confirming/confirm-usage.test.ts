import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BudgetsDatabase, EVERYTHING, PRINCIPAL } from '../testing/budgets-database.ts';
import { countingUuid, priceMessage, usageEvent } from '../testing/events.ts';

let database: BudgetsDatabase;
let ids = 0;
beforeAll(async () => {
  database = await BudgetsDatabase.create();
  database.prices.apply(priceMessage({ tokenClass: 'input', amount: '0.54' }));
  database.prices.apply(priceMessage({ tokenClass: 'output', amount: '2' }));
});
afterAll(() => database?.close());

const n = () => {
  ids += 1;
  return ids;
};

describe('counting usage', () => {
  it('counts each event once, in every window that applies, whatever comes again, in whatever batches', async () => {
    const attribution = { key_id: 'key_a' };
    const scope = { model: 'model-a' };
    const of = { ...attribution, requested_model: 'model-a' };
    const tokens = await database.limit({ scope });
    const requests = await database.limit({ scope, unit: 'requests', window: 'minute' });
    const other = await database.limit({ scope: { model: 'model-b' } });
    const events = [
      usageEvent({ n: n(), attribution: of }),
      usageEvent({ n: n(), attribution: of, data: { final: false, outcome: 'failed' } }),
      usageEvent({ n: n(), attribution: of, data: { outcome: 'aborted' }, quantities: { output_tokens: 3 } }),
      usageEvent({ n: n(), attribution: of, data: { requested_at: '2026-03-10T12:01:00.000Z' } }),
    ];
    await database.count(events.slice(0, 2));
    await database.count(events.slice(1));
    await Promise.all([database.count(events), database.count(events.toReversed())]);
    expect(await database.window(tokens.limitId)).toMatchObject({ confirmed: '433', unleased: '433' });
    const minutes = await database.rows(
      'SELECT starts_at, confirmed FROM budget_window WHERE limit_id = $1 ORDER BY 1',
      [requests.limitId],
    );
    expect(minutes).toEqual([
      { starts_at: '2026-03-10T12:00:00.000000Z', confirmed: '2' },
      { starts_at: '2026-03-10T12:01:00.000000Z', confirmed: '1' },
    ]);
    expect(await database.window(other.limitId)).toEqual({});
  });

  it('counts money as chargeback charges it, and says what it could not count', async () => {
    const scope = { model: 'model-money' };
    const of = { requested_model: 'model-money' };
    const usd = await database.limit({ scope, unit: 'money', window: 'month', amount: '5' });
    const eur = await database.limit({ scope, unit: 'money', window: 'month', amount: '5', currency: 'EUR' });
    await database.count([
      usageEvent({ n: n(), attribution: of }),
      usageEvent({ n: n(), attribution: { ...of, served_model: 'unheard-of' } }),
    ]);
    // 100 × 0.54 / 10^6 + 10 × 2 / 10^6, in 10^-18.
    expect(await database.window(usd.limitId)).toMatchObject({ confirmed: '74000000000000', uncounted: 1n });
    expect(await database.window(eur.limitId)).toMatchObject({ confirmed: '0', uncounted: 2n });
  });

  it('waits for the price of a new model, which may come after its first usage', async () => {
    const late = await BudgetsDatabase.create();
    try {
      const limit = await late.limit({ unit: 'money', window: 'month', amount: '5' });
      const counted = late.count([usageEvent({ n: 1 })], late.handler(10_000));
      for (const tokenClass of ['input', 'output'] as const) {
        late.prices.apply(priceMessage({ tokenClass, amount: '1' }));
      }
      await expect(counted).resolves.toMatchObject({ fresh: 1, uncounted: 0 });
      expect(await late.window(limit.limitId)).toMatchObject({ confirmed: '110000000000000' });
    } finally {
      await late.close();
    }
  });

  it('takes what no lease covered from what is left, and gives leases what names them', async () => {
    const scope = { model: 'model-c' };
    const of = { requested_model: 'model-c' };
    const limit = await database.limit({ scope });
    const want = {
      lease_id: countingUuid(1, 5),
      limit_id: limit.limitId,
      window_starts_at: '2026-03-09T23:00:00.000Z',
      amount: '300',
      minimum: '300',
    };
    await database.call({ wants: [want] });
    await database.count([
      usageEvent({ n: n(), attribution: of, data: { lease_ids: [want.lease_id, 'lease-of-long-ago'] } }),
      usageEvent({ n: n(), attribution: of, data: { lease_ids: [countingUuid(9, 9)] } }),
    ]);
    expect(await database.window(limit.limitId)).toMatchObject({
      granted: '300',
      settled: '110',
      unleased: '110',
      confirmed: '220',
    });
    const { states } = await database.call({ wants: [{ ...want, lease_id: countingUuid(2, 5) }] });
    expect(states).toMatchObject([{ granted: '600', remaining: '290' }]);
    expect(await database.faults()).toEqual([]);
  });

  it('counts what was requested from the creation of a limit to its deletion', async () => {
    const scope = { model: 'model-d' };
    const of = { requested_model: 'model-d' };
    const limit = await database.limit({ scope });
    const at = (requested_at: string) =>
      usageEvent({ n: n(), attribution: of, data: { requested_at: `2026-03-10T${requested_at}Z` } });
    await database.count([at('11:59:59.999'), at('12:00:00.000')]);
    database.nowMs += 60_000;
    await database.writer.delete({ principal: PRINCIPAL, reach: EVERYTHING }, limit.limitId, 1);
    await database.count([at('12:00:59.999'), at('12:01:00.000')]);
    database.nowMs -= 60_000;
    expect(await database.window(limit.limitId)).toMatchObject({ confirmed: '220' });
  });

  it('commits with its transaction or not at all', async () => {
    const scope = { model: 'model-e' };
    const of = { requested_model: 'model-e' };
    const limit = await database.limit({ scope });
    const event = usageEvent({ n: n(), attribution: of });
    await expect(
      database.within(async (tx) => {
        await database.handler().handle([event], tx);
        throw new Error('killed');
      }),
    ).rejects.toThrow('killed');
    expect(await database.window(limit.limitId)).toEqual({});
    await database.count([event]);
    expect(await database.window(limit.limitId)).toMatchObject({ confirmed: '110' });
  });
});
