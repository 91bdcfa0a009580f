import { until } from '@tollgate/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type GatewayToHold, startGatewayToHold } from './gateway-to-hold.ts';
import { langchain } from './langchain.ts';
import { openAiSdk } from './openai-sdk.ts';
import { vercelAi } from './vercel-ai.ts';

/** Calls that at least have to be found. */
const MANY = 20;

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
  const compared = await until(
    async () => {
      const known = (await gateway.trail()).flatMap((event) => {
        if (event.type !== 'tollgate.usage.v1' || event.data.outcome !== 'completed') return [];
        const totals = upstream.statsOfClientRequest(`${event.subject}.${event.data.attempt}`);
        return totals === null ? [] : [{ data: event.data, totals }];
      });
      return known.length > MANY ? known : undefined;
    },
    { timeoutMs: 15_000, describe: 'the usage of the calls in the trail' },
  );
  for (const { data, totals } of compared) {
    expect(data.quantities).toMatchObject({
      input_tokens: totals.inputTokens,
      output_tokens: totals.outputTokens,
    });
  }
});

test('what the clients read besides is in the trail, since all access is logged', async () => {
  await until(
    async () => {
      const actions = (await gateway.trail()).flatMap(({ type, source, data }) =>
        type === 'tollgate.admin.v1' && source.startsWith('/gateways/') ? [data.action] : [],
      );
      return actions.includes('models.list') && actions.includes('models.read');
    },
    { timeoutMs: 15_000, describe: 'lists of models in the trail' },
  );
});
