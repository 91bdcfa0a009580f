import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetsDatabase, EVERYTHING, PRINCIPAL } from '../testing/budgets-database.ts';
import { countingUuid, usageEvent } from '../testing/events.ts';

const CALLER = { principal: PRINCIPAL, reach: EVERYTHING };
const DAY_MS = 86_400_000;
const opened: BudgetsDatabase[] = [];
let database: BudgetsDatabase;

beforeEach(async () => {
  database = await BudgetsDatabase.create();
  opened.push(database);
});
afterAll(() => Promise.all(opened.map((each) => each.close())));

async function events(): Promise<{ type: string; data: Record<string, unknown> }[]> {
  const rows = await database.rows('SELECT draft FROM outbox ORDER BY id');
  return rows.map((row) => JSON.parse(String(row['draft'])));
}

const want = (limitId: string, n: number, amount: string, startsAt: string) => ({
  lease_id: countingUuid(n, 5),
  limit_id: limitId,
  window_starts_at: startsAt,
  amount,
  minimum: amount,
});

describe('a new limit', () => {
  it('takes time zone and currency from its organisation, and is told with who made it', async () => {
    const limit = await database.limit({ unit: 'money', window: 'month', amount: '12.50', strict: false });
    expect(limit).toMatchObject({
      version: 1,
      teamId: 'team_search',
      timeZone: 'Europe/Berlin',
      currency: 'USD',
      amount: 12_500_000_000_000_000_000n,
    });
    expect(await events()).toMatchObject([
      {
        type: 'tollgate.limit.v1',
        data: {
          limit_id: limit.limitId,
          version: 1,
          deleted: false,
          scope: { team: 'team_search' },
          unit: 'money',
          window: 'month',
          time_zone: 'Europe/Berlin',
          amount: '12.5',
          currency: 'USD',
          strict: false,
        },
      },
      {
        type: 'tollgate.admin.v1',
        data: {
          actor: { type: 'user', id: 'user_admin' },
          action: 'limit.create',
          target: limit.limitId,
          organisation_id: 'org_acme',
          details: { amount: '12.5' },
        },
      },
    ]);
  });

  it.each([
    [{ organisation_id: 'org_none' }, 'unknown_reference', 'organisation_id'],
    [{ scope: { team: 'team_none' } }, 'unknown_reference', 'scope.team'],
    [{ scope: { key: 'key_none' } }, 'unknown_reference', 'scope.key'],
    [{ amount: '1.5' }, 'limit_invalid', 'whole number'],
    [{ currency: 'USD' }, 'limit_invalid', 'currency'],
    [{ time_zone: 'Mars/Olympus' }, 'limit_invalid', 'time_zone'],
  ])('is refused where it makes no sense: %j', async (change, code, named) => {
    const refused = database.limit(change);
    await expect(refused).rejects.toMatchObject({ code, message: expect.stringContaining(named) });
    expect(await events()).toEqual([]);
  });

  it('is refused where there is one of the same scope, unit and window, until that is deleted', async () => {
    const limit = await database.limit();
    await expect(database.limit({ amount: '5' })).rejects.toMatchObject({ code: 'limit_exists' });
    await database.limit({ window: 'month' });
    await database.writer.delete(CALLER, limit.limitId, 1);
    expect((await database.limit()).limitId).not.toBe(limit.limitId);
  });
});

describe('an edit', () => {
  it('never changes what was used, and holds from the running window on', async () => {
    const limit = await database.limit();
    const today = '2026-03-09T23:00:00.000Z';
    await database.call({ wants: [want(limit.limitId, 1, '400', today)] });
    await database.count([usageEvent({ n: 1, data: { lease_ids: [countingUuid(1, 5)] } })]);
    const before = await database.window(limit.limitId);

    const lower = await database.writer.update(CALLER, limit.limitId, { version: 1, amount: '300' });
    expect(lower).toMatchObject({ version: 2, amount: 300n, strict: true });
    expect(await database.window(limit.limitId)).toEqual({ ...before, amount: '300' });
    expect(await database.call({ wants: [want(limit.limitId, 2, '1', today)] })).toMatchObject({
      refused: [{ code: 'exhausted' }],
      states: [{ version: 2, limit: '300', granted: '400', remaining: '0' }],
    });

    await database.writer.update(CALLER, limit.limitId, { version: 2, amount: '1000', strict: false });
    expect(await database.call({ wants: [want(limit.limitId, 2, '600', today)] })).toMatchObject({
      leases: [{ granted: '600' }],
      states: [{ version: 3, limit: '1000', granted: '1000' }],
    });
    expect(await database.faults()).toEqual([]);
  });

  it('leaves windows that have ended as they were', async () => {
    const limit = await database.limit();
    await database.count([usageEvent({ n: 1 })]);
    database.nowMs += DAY_MS;
    await database.writer.update(CALLER, limit.limitId, { version: 1, amount: '5' });
    await database.count([usageEvent({ n: 2, data: { requested_at: '2026-03-11T12:00:00.000Z' } })]);
    expect(await database.rows('SELECT starts_at, amount FROM budget_window ORDER BY 1')).toEqual([
      { starts_at: '2026-03-09T23:00:00.000000Z', amount: '1000' },
      { starts_at: '2026-03-10T23:00:00.000000Z', amount: '5' },
    ]);
  });

  it('is refused where it was decided on another version, or beyond the reach', async () => {
    const { limitId } = await database.limit();
    const edit = (version: number, reach = EVERYTHING) =>
      database.writer.update({ principal: PRINCIPAL, reach }, limitId, { version, amount: '7' });
    await expect(edit(2)).rejects.toMatchObject({ code: 'version_conflict' });
    await expect(edit(1, { organisationId: 'org_other', teamIds: null })).rejects.toMatchObject({
      code: 'not_found',
    });
    await edit(1);
    await expect(database.writer.delete(CALLER, limitId, 1)).rejects.toMatchObject({
      code: 'version_conflict',
    });
    expect(await events()).toHaveLength(4);
  });

  it('and leases at the same time never come to more than one of the amounts allows', async () => {
    const limit = await database.limit({ amount: '100' });
    const desk = database.desk(database.anotherPool());
    const taking = Array.from({ length: 30 }, (_, n) =>
      database.call({ wants: [want(limit.limitId, 10 + n, '10', '2026-03-09T23:00:00.000Z')] }, desk),
    );
    const raised = database.writer.update(CALLER, limit.limitId, { version: 1, amount: '200' });
    await Promise.all([...taking, raised]);
    const window = await database.window(limit.limitId);
    expect(window).toMatchObject({ amount: '200' });
    expect(Number(window['granted'])).toBeGreaterThanOrEqual(100);
    expect(await database.faults()).toEqual([]);
  });
});
