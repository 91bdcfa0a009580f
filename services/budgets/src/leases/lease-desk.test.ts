import type { LeaseWant } from '@tollgate/limits';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StoredLimit } from '../limits/stored-limit.ts';
import { BudgetsDatabase, EVERYTHING, LEASE_TTL_MS, PRINCIPAL } from '../testing/budgets-database.ts';
import { countingUuid } from '../testing/events.ts';

let database: BudgetsDatabase;
let ids = 0;
const DAY = '2026-03-09T23:00:00.000Z';

beforeAll(async () => {
  database = await BudgetsDatabase.create();
});
afterAll(() => database?.close());

/** A limit of a model of its own, so that tests don't meet. */
function freshLimit(amount: string, change: object = {}): Promise<StoredLimit> {
  ids += 1;
  return database.limit({ amount, scope: { model: `model-${ids}` }, ...change });
}

function want(limit: StoredLimit, amount: string, minimum = '1', change: Partial<LeaseWant> = {}): LeaseWant {
  ids += 1;
  return {
    lease_id: countingUuid(ids, 5),
    limit_id: limit.limitId,
    window_starts_at: DAY,
    amount,
    minimum,
    ...change,
  };
}

describe('taking leases', () => {
  it('grants what is wanted, and half of what is left near the limit, so that others get some', async () => {
    const limit = await freshLimit('1000');
    const { leases, states } = await database.call({ wants: [want(limit, '100')] });
    expect(leases).toMatchObject([
      {
        granted: '100',
        window_starts_at: DAY,
        window_ends_at: '2026-03-10T23:00:00.000Z',
        expires_in_ms: LEASE_TTL_MS,
      },
    ]);
    expect(states).toMatchObject([{ limit: '1000', granted: '100', settled: '0', remaining: '900' }]);
    expect((await database.call({ wants: [want(limit, '800')] })).leases).toMatchObject([{ granted: '450' }]);
    expect((await database.call({ wants: [want(limit, '800', '300')] })).leases).toMatchObject([
      { granted: '300' },
    ]);
    const last = await database.call({ wants: [want(limit, '800', '151')] });
    expect(last).toMatchObject({
      leases: [],
      refused: [{ code: 'exhausted' }],
      states: [{ remaining: '150' }],
    });
    expect(await database.faults()).toEqual([]);
  });

  it('answers the same want again with the same lease, even when both calls run at once', async () => {
    const limit = await freshLimit('1000');
    const wants = [want(limit, '100')];
    const [first, second] = await Promise.all([database.call({ wants }), database.call({ wants })]);
    expect(second.leases).toEqual(first.leases);
    database.nowMs += 1000;
    const third = await database.call({ wants });
    expect(third.leases).toMatchObject([{ granted: '100', expires_in_ms: LEASE_TTL_MS }]);
    expect(await database.window(limit.limitId)).toMatchObject({ granted: '100' });
    expect(await database.call({ instance: 'gw-2', wants })).toMatchObject({
      leases: [],
      refused: [{ code: 'want_invalid' }],
    });
  });

  it('gives back what a final report leaves over, to a want of the same call', async () => {
    const limit = await freshLimit('100');
    const [lease] = (await database.call({ wants: [want(limit, '100', '100')] })).leases;
    const report = { lease_id: lease?.lease_id ?? '', settled: '30', final: true };
    const answer = await database.call({ reports: [report], wants: [want(limit, '70', '70')] });
    expect(answer).toMatchObject({
      reported: [{ state: 'closed', expires_at: null }],
      leases: [{ granted: '70' }],
      states: [{ granted: '100', settled: '30', remaining: '0' }],
    });
    const again = await database.call({ reports: [report] });
    expect(again).toMatchObject({ reported: [{ state: 'closed' }], states: [{ granted: '100' }] });
    const repeated = want(limit, '100', '100', { lease_id: report.lease_id });
    expect(await database.call({ wants: [repeated] })).toMatchObject({ refused: [{ code: 'lease_closed' }] });
    expect(await database.faults()).toEqual([]);
  });

  it('keeps the greatest total reported, renews the lease, and counts use beyond it as overshoot', async () => {
    const limit = await freshLimit('1000');
    const [lease] = (await database.call({ wants: [want(limit, '100')] })).leases;
    const id = lease?.lease_id ?? '';
    const say = (settled: string) => database.call({ reports: [{ lease_id: id, settled, final: false }] });
    await say('60');
    database.nowMs += 5000;
    expect(await say('40')).toMatchObject({
      reported: [{ state: 'open', expires_in_ms: LEASE_TTL_MS }],
      states: [{ settled: '60' }],
    });
    expect(await say('130')).toMatchObject({
      states: [{ granted: '100', settled: '130', remaining: '870' }],
    });
    expect(await database.window(limit.limitId)).toMatchObject({ overshoot: '30' });
    expect(await database.faults()).toEqual([]);
  });

  it('still counts an expired lease as wholly spent', async () => {
    const limit = await freshLimit('100');
    await database.call({ wants: [want(limit, '100', '100')] });
    database.nowMs += LEASE_TTL_MS * 10;
    await database.reconcile();
    expect(await database.call({ wants: [want(limit, '1')] })).toMatchObject({
      refused: [{ code: 'exhausted' }],
    });
  });

  it('says why it refuses', async () => {
    const limit = await freshLimit('100');
    const money = await freshLimit('0.000000000000000003', { unit: 'money' });
    const minute = await freshLimit('5', { window: 'minute', unit: 'requests' });
    const deleted = await freshLimit('5');
    await database.writer.delete({ principal: PRINCIPAL, reach: EVERYTHING }, deleted.limitId, undefined);
    const minuteAt = (offsetMs: number) => {
      const startsAtMs = Math.floor((database.nowMs + offsetMs) / 60_000) * 60_000;
      return want(minute, '1', '1', { window_starts_at: new Date(startsAtMs).toISOString() });
    };
    const { refused, leases } = await database.call({
      wants: [
        want(limit, '1', '1', { limit_id: 'limit_none' }),
        want(deleted, '1'),
        want(limit, '1', '1', { window_starts_at: '2026-03-10T00:00:00Z' }),
        want(limit, '1', '2'),
        want(limit, '1.5'),
        minuteAt(180_000),
        minuteAt(-180_000),
        minuteAt(-60_000),
        minuteAt(60_000),
        want(money, '0.000000000000000003', '0.000000000000000002'),
      ],
    });
    expect(refused.map(({ code }) => code)).toEqual([
      'limit_unknown',
      'limit_unknown',
      'window_invalid',
      'want_invalid',
      'want_invalid',
      'window_closed',
      'window_closed',
    ]);
    expect(leases.map(({ granted }) => granted)).toEqual(['1', '1', '0.000000000000000002']);
  });

  it('knows no leases of other instances, and no limits beyond the reach', async () => {
    const limit = await freshLimit('100');
    const [lease] = (await database.call({ wants: [want(limit, '50')] })).leases;
    const reports = [{ lease_id: lease?.lease_id ?? '', settled: '1', final: true }];
    expect(await database.call({ instance: 'gw-2', reports })).toMatchObject({
      reported: [{ state: 'unknown' }],
    });
    const call = { instance: 'gw-1', source: '/gateways/gw-1/e', reports: [], wants: [want(limit, '1')] };
    for (const reach of [
      { organisationId: 'org_other', teamIds: null },
      { organisationId: 'org_acme', teamIds: new Set(['team_search']) },
    ]) {
      expect((await database.desk().serve(call, reach)).answer.refused).toMatchObject([
        { code: 'limit_unknown' },
      ]);
    }
    await expect(
      database.call({ reports: [{ lease_id: lease?.lease_id ?? '', settled: '0.5', final: false }] }),
    ).rejects.toThrow(/whole number/);
  });
});

describe('two services under attack', () => {
  it.each([
    ['1000', '1', '40'],
    ['100000', '97', '5000'],
  ])('grant never more than %s and leave less than 1 %% of it', async (amount, minimum, chunk) => {
    const limit = await freshLimit(amount);
    const desks = [database.desk(database.anotherPool(6)), database.desk(database.anotherPool(6))];
    let granted = 0;
    const attack = async (n: number): Promise<void> => {
      for (;;) {
        const desk = desks[n % 2];
        const answer = await database.call({ wants: [want(limit, chunk, minimum)] }, desk);
        if (answer.leases.length === 0) return;
        for (const lease of answer.leases) granted += Number(lease.granted);
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_, n) => attack(n)));
    expect(granted).toBeLessThanOrEqual(Number(amount));
    expect(granted).toBeGreaterThanOrEqual(Number(amount) * 0.99);
    expect(await database.window(limit.limitId)).toMatchObject({ granted: String(granted) });
    expect(await database.faults()).toEqual([]);
  });
});
