import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { emissionFaults, type LimitData, type RequestFate, type TollgateEvent } from '@tollgate/events';
import { formatUnits, limitOf, usedOf } from '@tollgate/limits';
import { createSimulatedDatabricks, type SimulatedDatabricks } from '@tollgate/simulated-databricks';
import { until as untilWithin } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type GatewayUnderTest,
  PushedClock,
  startGatewayUnderTest,
  TEST_KEY,
  testOptions,
  testPolicy,
} from '../testing/gateway-under-test.ts';
import {
  type BudgetsUnderTest,
  type BudgetsUnderTestOptions,
  budgetsUnderTest,
} from './testing/budgets-under-test.ts';
import { limitData } from './testing/limits.ts';

const CHAT = 'databricks-meta-llama-3-3-70b-instruct';
const UNREACHABLE = 'http://127.0.0.1:9/serving-endpoints';

const until = (condition: () => boolean) => untilWithin(condition, { timeoutMs: 5_000 });

let upstream: SimulatedDatabricks;
let under: GatewayUnderTest;
let held: BudgetsUnderTest;
let limits: readonly LimitData[];

beforeEach(async () => {
  upstream = createSimulatedDatabricks();
  await upstream.listen();
});

/** Whatever was done: nothing is held any more, and what was reported is what the usage events say. */
afterEach(async () => {
  await under.close();
  await held.budgets.stop(1_000);
  await upstream.close();
  held.server.fault = 'none';
  for (const data of limits) {
    const limit = limitOf(data);
    let used = 0n;
    for (const event of usages()) {
      if (event.lease_ids.length > 0) {
        used += usedOf(limit, { final: true, quantities: event.quantities, cost: null }) ?? 0n;
      }
    }
    if (limit.unit !== 'money') expect(held.server.settled(limit.limitId)).toBe(used);
  }
  expect(held.server.open()).toBe(0);
  expect(under.spool.openHolds).toBe(0);
});

async function start(
  data: readonly LimitData[],
  options: BudgetsUnderTestOptions = {},
  baseUrl = `${upstream.url}/serving-endpoints`,
) {
  limits = data;
  const clock = new PushedClock();
  held = budgetsUnderTest({ limits: data, clock, ...options });
  under = await startGatewayUnderTest(testPolicy({ baseUrl }), {
    budgets: held.budgets,
    clock,
    troubles: () => [held.budgets.trouble()].filter((trouble) => trouble !== null),
  });
}

const body = (more: object = {}) =>
  JSON.stringify({
    model: CHAT,
    messages: [{ role: 'user', content: 'one two three' }],
    max_tokens: 5,
    ...more,
  });

function post(content = body()) {
  return fetch(`${under.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
    body: content,
  });
}

async function postAndLeave(content: string, when: () => boolean, seesBytes = false): Promise<void> {
  const req = httpRequest(`${under.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
  });
  req.on('error', () => {});
  req.end(content);
  if (seesBytes) {
    const [res] = await once(req, 'response');
    await once(res, 'data');
  }
  await until(when);
  req.destroy();
}

async function error(response: Response) {
  const { error: said } = (await response.json()) as {
    error: { code: string; message: string; type: string };
  };
  return { status: response.status, ...said };
}

const usages = () =>
  under.spool.events().flatMap((event) => (event.type === 'tollgate.usage.v1' ? [event.data] : []));
const decisions = () =>
  under.spool.events().flatMap((event) => (event.type === 'tollgate.decision.v1' ? [event.data] : []));

async function settled(fate: RequestFate): Promise<void> {
  const events = (): TollgateEvent[] => under.spool.events();
  await until(() => emissionFaults(fate, events()).length === 0);
  const [decision] = decisions();
  const [usage] = usages();
  if (usage !== undefined) {
    expect(decision?.lease_ids).toHaveLength(limits.length);
    expect(usage.lease_ids).toEqual(decision?.lease_ids);
  }
}

const strict = limitData({ limit_id: 'lim_strict', amount: '100000' });
const ordinary = limitData({ limit_id: 'lim_soft', amount: '100000', strict: false, window: 'minute' });
const requests = limitData({ limit_id: 'lim_requests', unit: 'requests', amount: '1000', window: 'hour' });
const ALL = [strict, ordinary, requests];

describe('whatever becomes of a request, its budget settles to what its usage says', () => {
  test('answered', async () => {
    await start(ALL);
    const response = await post();
    expect(response.status).toBe(200);
    await settled('answered');
    expect(response.headers.get('ratelimit-policy')).toContain(
      '"lim_strict";q=100000;w=86400;qu="total-tokens"',
    );
    expect(response.headers.get('ratelimit')).toMatch(/"lim_requests";r=9\d\d;t=\d+/);
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('1000');
    expect(response.headers.get('x-ratelimit-limit-tokens')).toBe('100000');
    expect(response.headers.get('x-ratelimit-reset-requests')).toMatch(/^(\d+m)?\d+m?s$/);
  });

  test('streamed', async () => {
    await start(ALL);
    const response = await post(body({ stream: true }));
    expect(response.headers.get('x-ratelimit-limit-tokens')).toBe('100000');
    await response.text();
    await settled('answered');
  });

  test('failed', async () => {
    await start(ALL, {}, UNREACHABLE);
    const response = await post();
    expect(response.status).toBe(502);
    expect(response.headers.get('x-ratelimit-limit-tokens')).toBe('100000');
    await settled('failed');
  });

  test('failed after the first byte', async () => {
    await start(ALL);
    upstream.addFault({ fault: 'close-mid-answer' });
    await (await post(body({ stream: true, max_tokens: 100 }))).text();
    await settled('failed');
  });

  test('aborted', async () => {
    await start(ALL);
    upstream.addFault({ fault: 'slow-chunks;ms=20;words=1' });
    await postAndLeave(body({ stream: true, max_tokens: 10_000 }), () => true, true);
    await settled('aborted');
    expect(usages()[0]?.quantities.output_tokens).toBeGreaterThan(0);
  });

  test('timed out', async () => {
    await start(ALL);
    upstream.addFault({ fault: 'no-answer' });
    const response = post();
    await until(() => upstream.stats().inFlight === 1);
    under.clock.aheadMs = testOptions.limits.firstByteTimeoutMs + 1;
    under.gateway.sweep();
    expect((await response).status).toBe(504);
    await settled('timed-out');
  });

  test('allowed, but not sent', async () => {
    await start(ALL);
    under.spool.failure = new Error('disk gone');
    expect((await post()).status).toBe(503);
    await settled('allowed-without-attempt');
  });

  test('not recorded', async () => {
    await start(ALL);
    // The leases of a first request have room for another, which need not wait.
    await post();
    const room = under.spool.hasRoom;
    under.spool.full = true;
    under.spool.hasRoom = () => true;
    expect(await error(await post())).toMatchObject({ status: 503, code: 'audit_unavailable' });
    under.spool.full = false;
    under.spool.hasRoom = room;
    expect(usages()).toHaveLength(1);
    expect(await held.metrics.text()).toContain('budget_waited_total 1');
  });
});

describe('a request that waits for a lease', () => {
  /** Holds the calls to the service until it is let go. */
  function hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    held.server.before = () => promise;
    return resolve;
  }

  test('has its event written before, and is let in with the answer', async () => {
    await start([strict]);
    const letGo = hold();
    const response = post();
    await until(() => under.spool.events().length === 1);
    expect(under.spool.events()[0]?.type).toBe('tollgate.request.v1');
    expect(under.gateway.inFlight()).toBe(1);
    letGo();
    expect((await response).status).toBe(200);
    await settled('answered');
  });

  test('is rejected when its caller leaves', async () => {
    await start([strict]);
    const letGo = hold();
    await postAndLeave(body(), () => under.gateway.inFlight() === 1);
    await settled('rejected');
    expect(decisions()[0]).toMatchObject({ code: 'caller_left', lease_ids: [] });
    expect(under.gateway.inFlight()).toBe(0);
    letGo();
  });

  test('is rejected when the gateway stops', async () => {
    await start([strict]);
    const letGo = hold();
    const response = post();
    await until(() => under.gateway.inFlight() === 1);
    const closing = under.gateway.close(10);
    expect(await error(await response)).toMatchObject({ status: 503, code: 'shutting_down' });
    await closing;
    await settled('rejected');
    letGo();
  });

  test('is refused after its time where the service is slow, and not before', async () => {
    await start([strict]);
    const letGo = hold();
    const response = post();
    await until(() => under.gateway.inFlight() === 1);
    under.clock.aheadMs = 1_000;
    held.budgets.serve();
    expect(under.gateway.inFlight()).toBe(1);
    under.clock.aheadMs = 2_100;
    held.budgets.serve();
    expect(await error(await response)).toMatchObject({ status: 503, code: 'budgets_unavailable' });
    await settled('denied');
    letGo();
  });

  test('is refused beyond those that may wait', async () => {
    await start([strict], { settings: { maxWaiting: 1 } });
    const letGo = hold();
    const first = post();
    await until(() => under.gateway.inFlight() === 1);
    expect(await error(await post())).toMatchObject({ status: 503, code: 'budgets_unavailable' });
    letGo();
    expect((await first).status).toBe(200);
  });

  test('waits through a reply that was lost', async () => {
    await start([strict]);
    held.server.script.push('lost');
    expect((await post()).status).toBe(200);
    expect(held.server.calls).toHaveLength(2);
    expect(held.server.calls[0]?.wants).toEqual(held.server.calls[1]?.wants);
  });

  test('goes on with what a running request gives back', async () => {
    // 400 fit one reservation of about 300 at a time.
    await start([limitData({ amount: '400' })]);
    upstream.addFault({ fault: 'latency;ms=100' });
    const both = await Promise.all([post(), post()]);
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
  });
});

describe('a request that is refused', () => {
  test('is told by how much and until when, and is recorded as denied', async () => {
    await start([limitData({ unit: 'requests', window: 'minute', amount: '1' })]);
    expect((await post()).status).toBe(200);
    const response = await post();
    const retryAfter = Number(response.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('0');
    expect(response.headers.get('x-should-retry')).toBeNull();
    expect(await error(response)).toEqual({
      status: 429,
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
      param: null,
      message: `The limit lim_1 (team=team_1) of 1 requests per minute has 0 requests left, and this request may need 1 requests. Try again in ${retryAfter} s.`,
    });
    expect(decisions().at(-1)).toMatchObject({
      outcome: 'denied',
      code: 'rate_limit_exceeded',
      lease_ids: [],
    });
  });

  test('for the day is told that its quota is used up, and not to come back by itself', async () => {
    await start([limitData({ unit: 'requests', amount: '1' })]);
    expect((await post()).status).toBe(200);
    const response = await post();
    if (Number(response.headers.get('retry-after')) > 60) {
      expect(response.headers.get('x-should-retry')).toBe('false');
    }
    expect(await error(response)).toMatchObject({ status: 429, code: 'insufficient_quota' });
  });

  test('while another instance holds what it needs, is told to come back when that may have gone back', async () => {
    const minute = limitData({ unit: 'requests', window: 'day', amount: '10' });
    await start([minute]);
    const startsAtMs = Math.floor(Date.now() / 86_400_000) * 86_400_000;
    held.server.hear({
      instance: 'other',
      source: '/gateways/other/1',
      reports: [],
      wants: [
        {
          lease_id: '01900000-0000-7000-8000-000000000001',
          limit_id: minute.limit_id,
          window_starts_at: new Date(startsAtMs).toISOString(),
          amount: '10',
          minimum: '10',
        },
      ],
    });
    const response = await post();
    expect(response.headers.get('retry-after')).toBe('5');
    expect(response.headers.get('x-should-retry')).toBeNull();
    expect(response.status).toBe(429);
    held.server.hear({
      instance: 'other',
      source: '/gateways/other/1',
      reports: [{ lease_id: '01900000-0000-7000-8000-000000000001', settled: '0', final: true }],
      wants: [],
    });
    under.clock.aheadMs = 300;
    expect((await post()).status).toBe(200);
  });

  test('by a limit that the service does not know is told so at once, and asks no more than now and then', async () => {
    await start([limitData()]);
    held.server.forget();
    for (let i = 0; i < 5; i += 1) {
      expect(await error(await post())).toMatchObject({ status: 503, code: 'budgets_unavailable' });
    }
    expect(held.server.calls.length).toBeLessThan(4);
  });

  test('because it could use more than the whole limit, is told to ask for less', async () => {
    await start([limitData({ amount: '1000', window: 'minute' })]);
    const response = await post(body({ max_tokens: 2_000 }));
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect((await error(response)).message).toContain('Lower max_tokens');
    expect(held.server.calls).toHaveLength(0);
  });

  test('does not bother the service each time', async () => {
    await start([limitData({ unit: 'requests', window: 'hour', amount: '1' })]);
    await post();
    for (let i = 0; i < 50; i += 1) expect((await post()).status).toBe(429);
    expect(held.server.calls.length).toBeLessThan(10);
  });
});

describe('without the budgets service', () => {
  test('the lease that is held is spent, then limits refuse; readiness and metrics say so; then all is well again', async () => {
    await start([limitData({ unit: 'requests', window: 'hour', amount: '1000' })]);
    expect((await post()).status).toBe(200);
    held.server.fault = 'away';
    const statuses: number[] = [];
    while (statuses.at(-1) !== 503 && statuses.length < 50) statuses.push((await post()).status);
    expect(statuses.length).toBeGreaterThan(1);
    expect(statuses.slice(0, -1).every((status) => status === 200)).toBe(true);
    const response = await post();
    expect(response.headers.get('retry-after')).toBe('2');
    expect(await error(response)).toMatchObject({ status: 503, code: 'budgets_unavailable' });
    expect(decisions().at(-1)).toMatchObject({ outcome: 'denied', code: 'budgets_unavailable' });
    const ready = await fetch(`${under.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('the budgets service gives no leases');
    expect(await held.metrics.text()).toContain('tollgate_gateway_budgets_available 0');
    held.server.fault = 'none';
    under.clock.aheadMs = 5_000;
    held.budgets.tick();
    await until(() => held.budgets.trouble() === null);
    expect((await post()).status).toBe(200);
    expect(await held.metrics.text()).toContain('tollgate_gateway_budgets_available 1');
  });

  test('what no limit applies to passes', async () => {
    await start([limitData({ scope: { team: 'team_of_others' } })]);
    held.server.fault = 'away';
    const response = await post();
    expect(response.status).toBe(200);
    expect(response.headers.get('ratelimit')).toBeNull();
    expect(usages()[0]?.lease_ids).toEqual([]);
    limits = [];
  });

  test('nothing passes before the limits have been read', async () => {
    let known = false;
    await start([], { known: () => known });
    expect(await error(await post())).toMatchObject({ status: 503, code: 'budgets_unavailable' });
    expect((await fetch(`${under.url}/readyz`)).status).toBe(503);
    known = true;
    expect((await post()).status).toBe(200);
  });
});

describe('a strict limit', () => {
  test('sets max_tokens upstream where the caller set none it can trust', async () => {
    await start([strict]);
    const { max_tokens: _, ...unbounded } = JSON.parse(body()) as Record<string, unknown>;
    for (const members of [{}, { max_tokens: null }, { max_completion_tokens: null, max_tokens: 'many' }]) {
      const response = await post(JSON.stringify({ ...unbounded, ...members }));
      expect(await response.json()).toMatchObject({ usage: { completion_tokens: 50 } });
    }
  });

  test('leaves the body alone where only an ordinary limit applies', async () => {
    await start([ordinary]);
    const response = await post(JSON.stringify({ ...JSON.parse(body()), max_tokens: undefined }));
    const { usage } = (await response.json()) as { usage: { completion_tokens: number } };
    expect(usage.completion_tokens).not.toBe(50);
  });
});

describe('a limit of money', () => {
  const money = (change: Partial<LimitData> = {}) =>
    limitData({ unit: 'money', window: 'month', amount: '0.001', currency: 'USD', ...change });

  test('is reserved and settled by the prices in force', async () => {
    const prices = [
      { token_class: 'input', amount: '1' } as const,
      { token_class: 'output', amount: '2' } as const,
    ];
    await start([money()], { prices });
    const response = await post();
    expect(response.status).toBe(200);
    expect(response.headers.get('ratelimit-policy')).toContain('"lim_1";q=1000;w=');
    expect(response.headers.get('ratelimit-policy')).toContain('qu="micro-usd"');
    await under.close();
    await held.budgets.stop(1_000);
    // 3 tokens at 1 and 5 at 2 USD per million.
    expect(formatUnits('money', held.server.settled('lim_1'))).toBe('0.000013');
  });

  test('lets nobody in where it is strict and the model has no price', async () => {
    await start([money()]);
    const response = await post();
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await error(response)).toMatchObject({ status: 429, code: 'model_unpriced' });
    await settled('denied');
  });

  test('counts as nothing, and is flagged, where it is not strict and the model has no price', async () => {
    await start([money({ strict: false })]);
    expect((await post()).status).toBe(200);
    expect(await held.metrics.text()).toMatch(/tollgate_gateway_budget_unpriced_total 1/);
  });
});
