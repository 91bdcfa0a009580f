import { createSimulatedDatabricks } from '@tollgate/simulated-databricks';
import OpenAI, { RateLimitError } from 'openai';
import { expect, test } from 'vitest';
import { PushedClock, startGatewayUnderTest, TEST_KEY, testPolicy } from '../testing/gateway-under-test.ts';
import { budgetsUnderTest } from './testing/budgets-under-test.ts';
import { limitData } from './testing/limits.ts';

const MINUTE_MS = 60_000;
const ask = {
  model: 'databricks-meta-llama-3-3-70b-instruct',
  messages: [{ role: 'user' as const, content: 'one two three' }],
  max_tokens: 2,
};

async function withLimit(
  change: Parameters<typeof limitData>[0],
  msBeforeMinute: number,
  run: (baseURL: string, served: () => number) => Promise<void>,
): Promise<void> {
  const upstream = createSimulatedDatabricks();
  await upstream.listen();
  const clock = new PushedClock();
  clock.shiftMs = MINUTE_MS - (clock.now() % MINUTE_MS) - msBeforeMinute;
  const { budgets } = budgetsUnderTest({
    limits: [limitData({ unit: 'requests', amount: '1', ...change })],
    clock,
  });
  const policy = testPolicy({ baseUrl: `${upstream.url}/serving-endpoints` });
  const under = await startGatewayUnderTest(policy, { budgets, clock });
  try {
    await run(`${under.url}/v1`, () => upstream.stats().served);
  } finally {
    await under.close();
    await budgets.stop(1_000);
    await upstream.close();
  }
}

test('the official client comes back when the window has turned, and is let in', async () => {
  await withLimit({ window: 'minute' }, 3_000, async (baseURL) => {
    let refused = 0;
    const client = new OpenAI({
      apiKey: TEST_KEY,
      baseURL,
      maxRetries: 1,
      fetch: async (...args) => {
        const response = await fetch(...args);
        if (response.status === 429) refused += 1;
        return response;
      },
    });
    await client.chat.completions.create(ask);
    const { response } = await client.chat.completions.create(ask).withResponse();
    expect(response.status).toBe(200);
    expect(refused).toBe(1);
    expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('0');
  });
});

test('the official client does not try again where that would take hours', async () => {
  await withLimit({ window: 'month' }, 30_000, async (baseURL) => {
    let calls = 0;
    const client = new OpenAI({
      apiKey: TEST_KEY,
      baseURL,
      maxRetries: 5,
      fetch: (...args) => {
        calls += 1;
        return fetch(...args);
      },
    });
    await client.chat.completions.create(ask);
    const failure: unknown = await client.chat.completions.create(ask).then(
      () => null,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(RateLimitError);
    expect(failure).toMatchObject({ code: 'insufficient_quota', type: 'insufficient_quota' });
    // On the last half minute of a month it might well.
    expect(calls).toBeLessThanOrEqual(3);
  });
});
