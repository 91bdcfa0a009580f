import { until } from '@tollgate/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type GatewayToHold, startGatewayToHold } from './gateway-to-hold.ts';
import { langchain } from './langchain.ts';
import { openAiSdk } from './openai-sdk.ts';
import { vercelAi } from './vercel-ai.ts';

let gateway: GatewayToHold;

beforeAll(async () => {
  gateway = await startGatewayToHold();
}, 180_000);
afterEach(() => gateway.upstream.clearFaults());
afterAll(() => gateway?.stop());

openAiSdk(() => gateway);
langchain(() => gateway);
vercelAi(() => gateway);

test('what the clients used is in the trail, to the token', async () => {
  const { upstream } = gateway;
  const served = upstream.stats().byUsageContext;
  expect(Object.keys(served).length).toBeGreaterThan(0);
  const compared = await until(
    async () => {
      const usage = [...(await gateway.usage())].filter(([, { outcome }]) => outcome === 'completed');
      const known = usage.flatMap(([id, data]) => {
        const totals = upstream.statsOfClientRequest(`${id}.${data.attempt}`);
        return totals === null ? [] : [{ data, totals }];
      });
      return known.length > 20 ? known : undefined;
    },
    { timeoutMs: 15_000, describe: 'the usage of every call in the trail' },
  );
  for (const { data, totals } of compared) {
    expect(data.quantities).toMatchObject({
      input_tokens: totals.inputTokens,
      output_tokens: totals.outputTokens,
    });
  }
});
