import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  BudgetsDatabase,
  CLOCK_SKEW_MS,
  IN_FLIGHT_MS,
  LEASE_TTL_MS,
  SOURCE,
} from '../testing/budgets-database.ts';
import { countingUuid, SpeakingGateway, usageEvent } from '../testing/events.ts';

const NEXT = '/gateways/gw-1/0197c9a0-0000-7000-8000-000000000002';
const LEASE = countingUuid(1, 5);

const opened: BudgetsDatabase[] = [];
let database: BudgetsDatabase;
let gateway: SpeakingGateway;
let limitId: string;

/** Every test: a lease of 400 of 1,000 tokens. */
beforeEach(async () => {
  database = await BudgetsDatabase.create();
  opened.push(database);
  gateway = new SpeakingGateway();
  limitId = (await database.limit()).limitId;
  await database.call({
    wants: [
      {
        lease_id: LEASE,
        limit_id: limitId,
        window_starts_at: '2026-03-09T23:00:00.000Z',
        amount: '400',
        minimum: '400',
      },
    ],
  });
});
afterAll(() => Promise.all(opened.map((each) => each.close())));

const on = (n: number, source = SOURCE) => usageEvent({ n, source, data: { lease_ids: [LEASE] } });
const hear = (...words: Parameters<BudgetsDatabase['hear']>[0]) => database.hear(words, gateway.publicKeyOf);
const pass = (ms: number) => {
  database.nowMs += ms;
};
const beat = (through: number, usage: number, source = SOURCE) =>
  hear(gateway.heartbeat(source, through, usage, database.nowMs));

async function lease(): Promise<Record<string, unknown>> {
  const [row] = await database.rows('SELECT state, held, settled, confirmed FROM lease');
  return row ?? {};
}

describe('an expired lease', () => {
  it('is reconciled once its source ended in order and all its events are in', async () => {
    await database.count([on(1)]);
    await hear(gateway.stopped(SOURCE, 3, 2, database.nowMs));
    pass(LEASE_TTL_MS + 1);
    await database.reconcile();
    expect(await lease()).toMatchObject({ state: 'open', held: '400' });
    await database.count([on(3)]);
    await database.reconcile();
    expect(await lease()).toMatchObject({ state: 'reconciled', held: '220', confirmed: '220' });
    expect(await database.window(limitId)).toMatchObject({ granted: '220', settled: '220', overshoot: '0' });
    expect(await database.faults()).toEqual([]);
  });

  it('waits, after a crash, until the next epoch has accounted for the requests that were open', async () => {
    await database.count([on(1)]);
    await beat(1, 1);
    pass(LEASE_TTL_MS + 1);
    await hear(gateway.started(NEXT, [{ source: SOURCE, through: 2, usage: 1 }], database.nowMs));
    await database.reconcile();
    expect(await lease()).toMatchObject({ state: 'open' });
    // Its first word speaks for the earlier epoch too, and for what it closed in its own name.
    await beat(2, 1, NEXT);
    await database.reconcile();
    expect(await lease()).toMatchObject({ state: 'open' });
    await database.count([on(2, NEXT)].map((event) => ({ ...event, id: countingUuid(77, 1) })));
    await database.reconcile();
    expect(await lease()).toMatchObject({ state: 'reconciled', confirmed: '220', held: '220' });
  });

  it('is reconciled while its source goes on, when no request can run on it any more', async () => {
    await database.count([on(1)]);
    pass(LEASE_TTL_MS + 1);
    await beat(1, 1);
    await database.reconcile();
    expect(await lease()).toMatchObject({ state: 'open' });
    pass(IN_FLIGHT_MS + CLOCK_SKEW_MS);
    await beat(1, 1);
    await database.reconcile();
    expect(await lease()).toMatchObject({ state: 'reconciled', held: '110' });
  });

  it('stays as it is where nobody can verify what is said', async () => {
    const stranger = new SpeakingGateway();
    pass(LEASE_TTL_MS + 1);
    const words = [stranger.stopped(SOURCE, 0, 0, database.nowMs)];
    expect(await database.hear(words, gateway.publicKeyOf)).toEqual({ unverified: 1 });
    expect(await database.hear(words, () => undefined)).toEqual({ unverified: 1 });
    // A start is not signed: it counts for nothing before the first word that is.
    await hear(gateway.started(NEXT, [{ source: SOURCE, through: 0, usage: 0 }], database.nowMs));
    await database.reconcile();
    expect(await lease()).toMatchObject({ state: 'open', held: '400' });
  });

  it('stays as it is where events are missing, however much later', async () => {
    await hear(gateway.stopped(SOURCE, 2, 2, database.nowMs));
    await database.count([on(1)]);
    pass(IN_FLIGHT_MS * 100);
    await database.reconcile();
    expect(await lease()).toMatchObject({ state: 'open', held: '400', confirmed: '110' });
  });
});

describe('a lease that was given back', () => {
  it('comes to the sum of its events when its source says later that this was all', async () => {
    await database.call({ reports: [{ lease_id: LEASE, settled: '200', final: true }] });
    expect(await lease()).toMatchObject({ state: 'returned', held: '200' });
    await beat(1, 1);
    await database.count([on(1)]);
    await database.reconcile();
    expect(await lease()).toMatchObject({ state: 'returned' });
    pass(CLOCK_SKEW_MS + 1);
    await beat(1, 1);
    await database.reconcile();
    expect(await lease()).toMatchObject({ state: 'reconciled', settled: '200', held: '110' });
    expect(await database.window(limitId)).toMatchObject({ granted: '110', settled: '110' });
  });

  it('can be reported on as final after it expired', async () => {
    pass(LEASE_TTL_MS * 3);
    const answer = await database.call({ reports: [{ lease_id: LEASE, settled: '5', final: true }] });
    expect(answer).toMatchObject({ reported: [{ state: 'closed' }], states: [{ granted: '5' }] });
  });
});

describe('what was counted', () => {
  it('is forgotten when its source is complete, and still not counted again', async () => {
    await database.count([on(1), on(2)]);
    await beat(2, 2);
    await database.count([on(3)]);
    await database.reconcile();
    expect(await database.prune()).toBe(2);
    expect(await database.count([on(1), on(2), on(3)])).toMatchObject({ fresh: 0 });
    expect(await database.window(limitId)).toMatchObject({ confirmed: '330' });
    await beat(4, 4);
    await database.count([on(4)]);
    await database.reconcile();
    expect(await database.prune()).toBe(2);
  });
});
