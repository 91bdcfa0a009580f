import type { LimitData, PriceData } from '@tollgate/events';
import { type Limit, limitOf, usedOf } from '@tollgate/limits';
import { until as untilWithin } from '@tollgate/testing';
import { afterEach, describe, expect, test } from 'vitest';
import type { Target } from '../routing/target.ts';
import { PushedClock } from '../testing/gateway-under-test.ts';
import { type RouteUnderTest, startRouteUnderTest } from '../testing/route-under-test.ts';
import { TEMPLATE_TOKENS } from './bounds.ts';
import { LimitLedger } from './limit-ledger.ts';
import { Reservation, reserveAll } from './reservation.ts';
import { type BudgetsUnderTest, budgetsUnderTest } from './testing/budgets-under-test.ts';
import { limitData } from './testing/limits.ts';
import type { WindowLedger } from './window-ledger.ts';

const until = (condition: () => boolean) => untilWithin(condition, { timeoutMs: 5_000 });

let under: RouteUnderTest;
let held: BudgetsUnderTest;
let limits: readonly Limit[];

/** Whatever was done, nothing is held any more, and what was settled is the sum over all attempts' usage events. */
afterEach(async () => {
  await under.close();
  await held.budgets.stop(1_000);
  for (const limit of limits) {
    if (limit.unit === 'money') continue;
    const used = under
      .usage()
      .map(({ final, quantities }) => usedOf(limit, { final, quantities, cost: null }) ?? 0n)
      .reduce((sum, units) => sum + units, 0n);
    expect([limit.limitId, held.server.settled(limit.limitId)]).toEqual([limit.limitId, used]);
  }
  expect(held.server.open()).toBe(0);
});

async function start(
  data: readonly LimitData[],
  targets: readonly Partial<Target>[] = [{}, {}],
  prices: readonly Partial<PriceData>[] = [],
): Promise<void> {
  const clock = new PushedClock();
  limits = data.map(limitOf);
  held = budgetsUnderTest({ limits: data, clock, prices });
  under = await startRouteUnderTest({ targets, parts: { budgets: held.budgets, clock } });
}

/** What the latest attempts used, oldest first. */
const latest = (count: number) =>
  under.spool
    .events()
    .flatMap((event) => (event.type === 'tollgate.usage.v1' ? [event.data] : []))
    .slice(-count);

const fault = (index: number, kind: string) => under.workspaces[index]?.addFault({ fault: kind });

const strict = limitData({ limit_id: 'lim_strict', amount: '100000' });
const ordinary = limitData({ limit_id: 'lim_soft', amount: '100000', strict: false, window: 'minute' });
const requests = limitData({ limit_id: 'lim_requests', unit: 'requests', amount: '1000', window: 'hour' });

/** What the rig's own request has reserved of a strict limit of tokens: its bytes, the template, its `max_tokens`. */
const BOUND =
  JSON.stringify({
    model: 'chat',
    messages: [{ role: 'user', content: 'one two three' }],
    max_tokens: 5,
  }).length +
  TEMPLATE_TOKENS +
  5;

describe('a request is settled once, with what all its attempts used', () => {
  test('where the first one broke off', async () => {
    await start([strict, ordinary, requests]);
    fault(0, 'reset-before-answer');
    expect((await under.ask()).status).toBe(200);
    expect(latest(2)).toMatchObject([
      { attempt: 1, final: false, quantities: { input_tokens: 4, output_tokens: 0 } },
      { attempt: 2, final: true, quantities: { input_tokens: 3, output_tokens: 5 } },
    ]);
    for (const { lease_ids } of latest(2)) expect(lease_ids).toHaveLength(3);
  });

  test('where all failed', async () => {
    await start([strict, ordinary, requests]);
    fault(0, 'reset-mid-answer');
    fault(1, 'reset-before-answer');
    expect((await under.ask({ max_tokens: 100 })).status).toBe(502);
    expect(latest(2)).toMatchObject([
      { attempt: 1, final: false, outcome: 'failed', fidelity: 'partial' },
      { attempt: 2, final: true, outcome: 'failed', fidelity: 'partial' },
    ]);
  });

  test('where the caller left the second one', async () => {
    await start([strict, ordinary, requests]);
    fault(0, 'reset-before-answer');
    fault(1, 'no-answer');
    const leave = new AbortController();
    const response = under.ask({}, leave.signal).catch(() => null);
    await until(() => under.workspaces[1]?.stats().inFlight === 1);
    leave.abort();
    await response;
    await until(() => latest(1)[0]?.outcome === 'aborted');
    expect(latest(1)).toMatchObject([{ attempt: 2, final: true }]);
  });

  test('where none could be made', async () => {
    await start([strict, requests]);
    for (const { health } of under.route.targets) health.rest(5_000, 429, under.clock.monotonic());
    expect((await under.ask()).status).toBe(429);
    await under.settled('allowed-without-attempt');
  });
});

/** A window with one lease of so much. */
function leaseOf(granted: bigint) {
  const ledger = new LimitLedger(limitOf(strict));
  const window = ledger.windowAt(0);
  return { ledger, window, lease: window.add('lease', granted, 0, 60_000) };
}

function reserved(window: WindowLedger, ledger: LimitLedger, amount: bigint): Reservation {
  const draws = reserveAll([{ ledger, window, amount }], 0);
  if (draws === null) throw new Error('nothing was reserved');
  return new Reservation(draws, () => {});
}

describe('a strict limit', () => {
  test('lets another target be asked for the very first request, whose first attempt used something', async () => {
    await start([strict]);
    fault(0, 'reset-before-answer');
    const answer = await under.ask();
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ model: 'model-two' });
    await under.settled('fallen-back');
    expect(under.usage()[0]).toMatchObject({ quantities: { input_tokens: 4 } });
  });

  test('lets no other target be asked where what was used and could be used is more than is left', async () => {
    await start([{ ...strict, amount: String(BOUND + 3) }]);
    fault(0, 'reset-before-answer');
    expect((await under.ask()).status).toBe(502);
    await under.settled('failed');
    expect(under.workspaces.map((workspace) => workspace.stats().requests)).toEqual([1, 0]);
  });

  test('lets one be asked where it is exactly what is left of the lease', () => {
    const { ledger, window, lease } = leaseOf(10n);
    const [reservation, other] = [reserved(window, ledger, 4n), reserved(window, ledger, 3n)];
    expect(reservation.raise(() => 8n, 0)).toBe(false);
    expect(lease.reserved).toBe(7n);
    expect(reservation.raise(() => 7n, 0)).toBe(true);
    expect(reservation.raise(() => 5n, 0)).toBe(true);
    expect(lease.reserved).toBe(10n);
    expect(other.raise(() => null, 0)).toBe(false);
    reservation.settle(() => 6n);
    other.cancel();
    expect([lease.reserved, lease.settled]).toEqual([0n, 6n]);
  });

  test('takes nothing more for an attempt that used nothing', async () => {
    await start([{ ...strict, amount: String(BOUND) }]);
    fault(0, 'internal-error');
    expect((await under.ask()).status).toBe(200);
    await under.settled('fallen-back');
  });
});

describe('a limit of money', () => {
  const money = limitData({ limit_id: 'lim_money', unit: 'money', amount: '10', currency: 'USD' });
  const priced = (model: string, amount: string): Partial<PriceData>[] =>
    (['input', 'output'] as const).map((token_class) => ({
      price_id: `price_${model}_${token_class}`,
      model,
      token_class,
      amount,
      per_quantity: 1,
    }));

  test('counts each attempt by the price of its own target', async () => {
    const prices = [...priced('model-one', '0.001'), ...priced('model-two', '0.01')];
    await start([{ ...money, strict: false }], [{}, {}], prices);
    fault(0, 'reset-before-answer');
    expect((await under.ask()).status).toBe(200);
    await under.settled('fallen-back');
    await under.close();
    await held.budgets.stop(1_000);
    // 4 tokens at a tenth of a cent, and 3 + 5 at a cent.
    expect(held.server.settled('lim_money')).toBe(limitOf({ ...money, amount: '0.084' }).amount);
  });

  test('that is strict lets no target be asked whose price it could not bear', async () => {
    const prices = [...priced('model-one', '0.001'), ...priced('model-two', '0.1')];
    await start([money], [{}, {}], prices);
    fault(0, 'internal-error');
    expect((await under.ask()).status).toBe(500);
    expect(under.workspaces.map((workspace) => workspace.stats().requests)).toEqual([1, 0]);
  });

  test('that is strict lets no target be asked that has no price', async () => {
    await start([money], [{}, {}, {}], [...priced('model-one', '0.001'), ...priced('model-three', '0.001')]);
    fault(0, 'internal-error');
    expect(await (await under.ask()).json()).toMatchObject({ model: 'model-three' });
    expect(under.workspaces.map((workspace) => workspace.stats().requests)).toEqual([1, 0, 1]);
  });
});
