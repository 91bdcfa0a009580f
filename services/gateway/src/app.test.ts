import { createSimulatedDatabricks, type SimulatedDatabricks } from '@tollgate/simulated-databricks';
import { until as untilWithin } from '@tollgate/testing';
import { Agent, request } from 'undici';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type GatewayUnderTest,
  startGatewayUnderTest,
  TEST_KEY,
  testPolicy,
} from './testing/gateway-under-test.ts';

const until = (condition: () => boolean) => untilWithin(condition, { timeoutMs: 5_000 });

const CHAT = {
  model: 'databricks-meta-llama-3-3-70b-instruct',
  messages: [{ role: 'user', content: 'hello' }],
  max_tokens: 3,
};

let upstream: SimulatedDatabricks;
let under: GatewayUnderTest;
let agent: Agent;

beforeEach(async () => {
  upstream = createSimulatedDatabricks();
  await upstream.listen();
  under = await startGatewayUnderTest(testPolicy({ baseUrl: `${upstream.url}/serving-endpoints` }));
  agent = new Agent();
});
afterEach(async () => {
  await agent.destroy();
  await upstream.close();
});

const ask = () =>
  request(`${under.url}/v1/chat/completions`, {
    dispatcher: agent,
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}` },
    body: JSON.stringify(CHAT),
  });

describe('closing', () => {
  test('lets calls in flight end, and turns later ones on open connections away', async () => {
    // Two connections that stay open.
    await Promise.all([ask().then(({ body }) => body.text()), ask().then(({ body }) => body.text())]);
    upstream.addFault({ fault: 'latency;ms=300' });
    const slow = ask();
    const alsoSlow = ask();
    await until(() => under.gateway.inFlight() === 2);
    const closed = under.gateway.close(5_000);
    const [first, second] = await Promise.all([slow, alsoSlow]);
    expect([first.statusCode, second.statusCode]).toEqual([200, 200]);
    await Promise.all([first.body.text(), second.body.text()]);
    await closed;
    expect(under.spool.events().filter(({ type }) => type === 'tollgate.usage.v1')).toHaveLength(4);
    await expect(ask()).rejects.toThrow();
  });

  test('gives up what is still running at its deadline, and accounts for it', async () => {
    upstream.addFault({ fault: 'no-answer' });
    const stuck = ask();
    await until(() => upstream.stats().inFlight === 1);
    const closed = under.gateway.close(50);
    const answer = await stuck;
    expect(answer.statusCode).toBe(503);
    expect(await answer.body.json()).toMatchObject({ error: { code: 'shutting_down' } });
    await closed;
    expect(under.spool.events().at(-1)?.data).toMatchObject({ outcome: 'failed', fidelity: 'partial' });
    expect(under.spool.flushed).toBe(under.spool.appended.length);
    await until(() => upstream.stats().inFlight === 0);
  });

  test('turns a request on an open connection away while others are still running', async () => {
    const pipelined = new Agent({ connections: 1, pipelining: 1 });
    const again = () =>
      request(`${under.url}/v1/chat/completions`, {
        dispatcher: pipelined,
        method: 'POST',
        headers: { authorization: `Bearer ${TEST_KEY}` },
        body: JSON.stringify(CHAT),
      });
    upstream.addFault({ fault: 'latency;ms=200' });
    const running = again();
    // Waits for the same connection, and comes through when the first is answered.
    const waiting = again();
    await until(() => under.gateway.inFlight() === 1);
    const closed = under.gateway.close(5_000);
    await (await running).body.text();
    const outcome = await waiting.then(
      async ({ statusCode, body }) => `${statusCode} ${await body.text()}`,
      () => 'not connected',
    );
    expect(outcome).toMatch(/shutting_down|not connected/);
    await closed;
    await pipelined.destroy();
  });
});
