import { until as untilWithin } from '@tollgate/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { testBreaker, testOptions } from '../../testing/gateway-under-test.ts';
import { type RouteUnderTest, startRouteUnderTest } from '../../testing/route-under-test.ts';

const until = (condition: () => boolean) => untilWithin(condition, { timeoutMs: 5_000 });

let under: RouteUnderTest;
afterEach(() => under.close());

async function start(count: number): Promise<void> {
  under = await startRouteUnderTest({ targets: Array.from({ length: count }, () => ({})) });
}

const fault = (index: number, kind: string, times?: number) =>
  under.workspaces[index]?.addFault({ fault: kind, ...(times === undefined ? {} : { times }) });

const asked = () => under.workspaces.map((workspace) => workspace.stats().requests);
const states = () => under.route.targets.map(({ health }) => health.state);

async function refused(response: Response): Promise<readonly [number, string, string | null]> {
  const { error } = (await response.json()) as { error: { code: string } };
  return [response.status, error.code, response.headers.get('retry-after')];
}

/** Lets the first target fail until its breaker opens. */
async function openFirst(): Promise<void> {
  fault(0, 'internal-error');
  for (let i = 0; i < testBreaker.consecutiveFailures; i += 1) await under.ask();
  expect(states()[0]).toBe('open');
}

describe('a target that fails', () => {
  test('is not asked any more, until a trial succeeds', async () => {
    await start(2);
    await openFirst();
    expect((await under.ask()).status).toBe(200);
    expect(asked()).toEqual([5, 6]);
    under.clock.aheadMs += testBreaker.openMs;
    // The trial fails, and its caller is answered by the other one.
    expect((await under.ask()).status).toBe(200);
    expect(asked()).toEqual([6, 7]);
    under.workspaces[0]?.clearFaults();
    expect((await under.ask()).status).toBe(200);
    expect(asked()).toEqual([6, 8]);
    under.clock.aheadMs += 2 * testBreaker.openMs;
    expect(await (await under.ask()).json()).toMatchObject({ model: 'model-one' });
    expect(states()).toEqual(['closed', 'closed']);
  });

  test('gets one trial at a time, which a caller that leaves gives back', async () => {
    await start(2);
    await openFirst();
    under.workspaces[0]?.clearFaults();
    fault(0, 'no-answer', 1);
    under.clock.aheadMs += testBreaker.openMs;
    const leave = new AbortController();
    const trial = under.ask({}, leave.signal).catch(() => null);
    await until(() => under.workspaces[0]?.stats().inFlight === 1);
    expect(states()[0]).toBe('half-open');
    expect(await (await under.ask()).json()).toMatchObject({ model: 'model-two' });
    leave.abort();
    await trial;
    await until(() => states()[0] === 'open');
    expect(await (await under.ask()).json()).toMatchObject({ model: 'model-one' });
  });

  test('passes its trial with the head of a stream, before its end', async () => {
    await start(2);
    await openFirst();
    under.workspaces[0]?.clearFaults();
    fault(0, 'slow-chunks;ms=50', 1);
    under.clock.aheadMs += testBreaker.openMs;
    const leave = new AbortController();
    const response = await under.ask({ stream: true, max_tokens: 1_000 }, leave.signal);
    expect(response.status).toBe(200);
    expect(states()[0]).toBe('closed');
    leave.abort();
  });

  test('that is the only one is spared, which is told and accounted for', async () => {
    await start(1);
    await openFirst();
    const before = under.usage().length;
    under.clock.aheadMs += 1_500;
    expect(await refused(await under.ask())).toEqual([503, 'upstream_unavailable', '4']);
    expect(asked()).toEqual([5]);
    const last = under.spool.events().at(-1);
    expect(under.usage()).toHaveLength(before + 1);
    expect(last?.data).toMatchObject({
      attempt: 0,
      final: true,
      outcome: 'not-attempted',
      fidelity: 'counted',
      status: 503,
      quantities: { input_tokens: 0, output_tokens: 0 },
    });
    expect(under.spool.openHolds).toBe(0);
  });

  test('by refusing what it is asked is none', async () => {
    await start(1);
    fault(0, 'bad-request');
    for (let i = 0; i < 10; i += 1) expect((await under.ask()).status).toBe(400);
    expect(asked()).toEqual([10]);
  });
});

describe('a target that asks for a rest', () => {
  test.each([
    ['a header on 429', 'rate-limit;retry_after_s=7', 7_000],
    ['the body of Databricks', 'rate-limit-detailed;retry_after_s=9', 9_000],
    ['a header on 503', 'unavailable;retry_after_s=5', 5_000],
  ])('by %s gets it', async (_, kind, restMs) => {
    await start(2);
    fault(0, kind, 1);
    expect((await under.ask()).status).toBe(200);
    // The clock runs on by itself as well.
    under.clock.aheadMs += restMs - 3_000;
    expect(await (await under.ask()).json()).toMatchObject({ model: 'model-two' });
    expect(asked()).toEqual([1, 2]);
    under.clock.aheadMs += 3_000;
    expect(await (await under.ask()).json()).toMatchObject({ model: 'model-one' });
  });

  test('gets no more than the longest rest there is', async () => {
    await start(1);
    fault(0, 'rate-limit;retry_after_s=3000', 1);
    expect(await refused(await under.ask())).toEqual([429, 'upstream_rate_limit', '3000']);
    under.clock.aheadMs += testOptions.limits.maxRestMs;
    expect((await under.ask()).status).toBe(200);
  });

  test('is spared while its route has no other, and callers are told how long', async () => {
    await start(2);
    fault(0, 'rate-limit;retry_after_s=7');
    fault(1, 'rate-limit;retry_after_s=9');
    expect(await refused(await under.ask())).toEqual([429, 'upstream_rate_limit', '7']);
    under.clock.aheadMs += 3_000;
    expect(await refused(await under.ask())).toEqual([429, 'upstream_rate_limit', '4']);
    expect(asked()).toEqual([1, 1]);
  });
});

test('breakers, attempts and fallbacks show in the metrics', async () => {
  await start(2);
  await openFirst();
  const text = await under.gateway.app.inject({
    method: 'GET',
    url: '/metrics',
    headers: { authorization: 'Bearer tgs_test' },
  });
  expect(text.body).toContain('tollgate_gateway_fallbacks_total{target="one"} 5');
});
