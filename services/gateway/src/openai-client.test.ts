import { createSimulatedDatabricks, type SimulatedDatabricks } from '@tollgate/simulated-databricks';
import { until as untilWithin } from '@tollgate/testing';
import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  type GatewayUnderTest,
  startGatewayUnderTest,
  TEST_KEY,
  TEST_METRICS_TOKEN,
  testChain,
  testPolicy,
} from './testing/gateway-under-test.ts';

const CHAT = 'databricks-meta-llama-3-3-70b-instruct';
const EMBEDDINGS = 'databricks-bge-large-en';
const until = (condition: () => boolean) => untilWithin(condition, { timeoutMs: 5_000 });

let upstream: SimulatedDatabricks;
let under: GatewayUnderTest;
let client: OpenAI;

beforeAll(async () => {
  upstream = createSimulatedDatabricks();
  await upstream.listen();
  under = await startGatewayUnderTest(testPolicy({ baseUrl: `${upstream.url}/serving-endpoints` }));
  client = new OpenAI({ apiKey: TEST_KEY, baseURL: `${under.url}/v1`, maxRetries: 0 });
});
afterAll(async () => {
  await under.close();
  await upstream.close();
});
afterEach(() => {
  upstream.clearFaults();
});

const ask = {
  model: CHAT,
  messages: [{ role: 'user' as const, content: 'one two three' }],
  max_tokens: 6,
};

async function error(promise: PromiseLike<unknown>): Promise<APIError> {
  try {
    await promise;
  } catch (thrown) {
    if (thrown instanceof APIError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

describe('the official client', () => {
  test('chats, and is told the request id', async () => {
    const answer = await client.chat.completions.create(ask);
    expect(answer.choices[0]?.message.content?.split(' ')).toHaveLength(6);
    expect(answer.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 6, total_tokens: 9 });
    expect(answer._request_id).toBe(under.spool.events().at(-1)?.subject);
    expect(upstream.statsOfClientRequest(`${answer._request_id}.1`)).toMatchObject({ served: 1 });
    expect(upstream.stats().byUsageContext['team=team_1']?.served).toBeGreaterThan(0);
  });

  test('streams without a usage chunk it did not ask for', async () => {
    let words = '';
    for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
      expect(chunk.choices).toHaveLength(1);
      expect(chunk.usage ?? null).toBeNull();
      words += chunk.choices[0]?.delta.content ?? '';
    }
    expect(words.trim().split(/\s+/)).toHaveLength(6);
    expect(under.spool.events().at(-1)?.data).toMatchObject({
      fidelity: 'provider',
      quantities: { output_tokens: 6 },
    });
  });

  test.each(['straddle-usage', 'split-bytes;bytes=3', 'early-usage', 'misleading-text', 'content-parts'])(
    'reads usage from a stream that comes as %s',
    async (fault) => {
      upstream.addFault({ fault });
      const stream = await client.chat.completions.create({
        ...ask,
        stream: true,
        stream_options: { include_usage: true },
      });
      const chunks = [];
      for await (const chunk of stream) chunks.push(chunk);
      if (fault !== 'early-usage') expect(chunks.at(-1)).toMatchObject({ choices: [] });
      expect(chunks.at(-1)?.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 6 });
      expect(under.spool.events().at(-1)?.data).toMatchObject({
        fidelity: 'provider',
        quantities: { input_tokens: 3, output_tokens: 6 },
      });
    },
  );

  test.each(['missing-usage', 'null-usage'])('a stream with %s is estimated', async (fault) => {
    upstream.addFault({ fault });
    const stream = await client.chat.completions.create({ ...ask, stream: true });
    for await (const chunk of stream) expect(chunk.choices.length).toBeLessThanOrEqual(1);
    const { data } = under.spool.events().at(-1) ?? {};
    expect(data).toMatchObject({ fidelity: 'estimated', quantities: { input_tokens: 4 } });
  });

  test('a stream that ends without its end event is whole nevertheless', async () => {
    upstream.addFault({ fault: 'missing-done' });
    const stream = await client.chat.completions.create({ ...ask, stream: true });
    let count = 0;
    for await (const chunk of stream) count += chunk.choices.length;
    expect(count).toBeGreaterThan(0);
    expect(under.spool.events().at(-1)?.data).toMatchObject({ outcome: 'completed', fidelity: 'provider' });
  });

  test('reads cached and reasoning tokens', async () => {
    upstream.addFault({ fault: 'token-details;cached=2;reasoning=4' });
    await client.chat.completions.create(ask);
    expect(under.spool.events().at(-1)?.data).toMatchObject({
      quantities: { cached_input_tokens: 2, reasoning_tokens: 4 },
    });
  });

  test('embeds, as base64 and as numbers, and counts input alone', async () => {
    const embedded = await client.embeddings.create({ model: EMBEDDINGS, input: ['a b', 'c'] });
    expect(embedded.data).toHaveLength(2);
    expect(embedded.data[0]?.embedding.length).toBeGreaterThan(0);
    const plain = await client.embeddings.create({
      model: EMBEDDINGS,
      input: 'a b c',
      encoding_format: 'float',
    });
    expect(Array.isArray(plain.data[0]?.embedding)).toBe(true);
    expect(under.spool.events().at(-1)?.data).toMatchObject({
      attribution: { requested_model: EMBEDDINGS },
      quantities: { input_tokens: 3, output_tokens: 0 },
    });
    expect(under.spool.events().at(-3)?.data).toMatchObject({ endpoint: 'embeddings', input_count: 1 });
  });

  test('lists the models', async () => {
    const models = await client.models.list();
    expect(models.data.map(({ id }) => id)).toEqual([CHAT, EMBEDDINGS]);
    const refused = new OpenAI({ apiKey: 'other', baseURL: `${under.url}/v1`, maxRetries: 0 });
    expect(await error(refused.models.list())).toBeInstanceOf(AuthenticationError);
  });

  test('aborting a stream aborts the upstream', async () => {
    upstream.addFault({ fault: 'slow-chunks;ms=10;words=1' });
    const before = upstream.stats().aborted;
    const stream = await client.chat.completions.create({ ...ask, max_tokens: 5_000, stream: true });
    for await (const _chunk of stream) break;
    await until(() => upstream.stats().aborted === before + 1);
    await until(() => under.gateway.inFlight() === 0);
    expect(under.spool.events().at(-1)?.data).toMatchObject({ outcome: 'aborted', fidelity: 'partial' });
  });

  test('gets errors as the classes it knows', async () => {
    const stranger = new OpenAI({ apiKey: 'other', baseURL: `${under.url}/v1`, maxRetries: 0 });
    expect(await error(stranger.chat.completions.create(ask))).toBeInstanceOf(AuthenticationError);
    const unknown = await error(client.chat.completions.create({ ...ask, model: 'gpt-99' }));
    expect(unknown).toBeInstanceOf(NotFoundError);
    expect(unknown).toMatchObject({ status: 404, code: 'model_not_found', type: 'invalid_request_error' });
    upstream.addFault({ fault: 'rate-limit-detailed;retry_after_s=3', times: 1 });
    const limited = await error(client.chat.completions.create(ask));
    expect(limited).toBeInstanceOf(RateLimitError);
    expect(limited).toMatchObject({ code: 'upstream_rate_limit' });
    expect(limited.headers?.get('retry-after')).toBe('3');
    under.clock.aheadMs += 3_000;
    upstream.addFault({ fault: 'guardrail-block', times: 1 });
    const blocked = await error(client.chat.completions.create(ask));
    expect(blocked).toBeInstanceOf(BadRequestError);
    expect(blocked).toMatchObject({ code: 'upstream_guardrail' });
    expect(blocked.message).not.toContain('EMAIL_ADDRESS');
  });

  test('is told by its class that its role does not allow a model', async () => {
    const rbac = { roles: { analyst: { allowed_models: [EMBEDDINGS] } } };
    const chain = testChain({ chain: ['rbac'] }, { rbac }, ['analyst']);
    const strict = await startGatewayUnderTest(testPolicy({ baseUrl: upstream.url, policy: { chain } }));
    try {
      const denied = new OpenAI({ apiKey: TEST_KEY, baseURL: `${strict.url}/v1`, maxRetries: 0 });
      expect(await error(denied.chat.completions.create(ask))).toBeInstanceOf(PermissionDeniedError);
      expect((await denied.models.list()).data.map(({ id }) => id)).toEqual([EMBEDDINGS]);
    } finally {
      await strict.close();
    }
  });

  test('sees an error after the first byte as an error', async () => {
    upstream.addFault({ fault: 'reset-mid-answer' });
    const stream = await client.chat.completions.create({ ...ask, max_tokens: 200, stream: true });
    const read = async () => {
      for await (const chunk of stream) expect(chunk.id).toBeDefined();
    };
    expect(await error(read())).toMatchObject({ code: 'upstream_broke' });
  });

  test('retries by itself what can be retried', async () => {
    upstream.addFault({ fault: 'rate-limit;retry_after_s=0', times: 1 });
    const patient = new OpenAI({ apiKey: TEST_KEY, baseURL: `${under.url}/v1`, maxRetries: 2 });
    expect((await patient.chat.completions.create(ask)).usage?.completion_tokens).toBe(6);
  });
});

describe('the rest of the API', () => {
  const get = (path: string, method = 'GET', headers = {}) => fetch(under.url + path, { method, headers });

  test('unknown paths are 404 and wrong methods 405, in the same shape', async () => {
    const unknown = await get('/v1/nothing');
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ error: { code: 'unknown_route' } });
    const wrong = await get('/v1/chat/completions');
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get('allow')).toBe('POST');
    expect(await wrong.json()).toMatchObject({ error: { code: 'method_not_allowed' } });
  });

  test('health is open, metrics are not', async () => {
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    expect((await get('/metrics')).status).toBe(401);
    const metrics = await get('/metrics', 'GET', { authorization: `Bearer ${TEST_METRICS_TOKEN}` });
    const text = await metrics.text();
    expect(text).toContain('tollgate_gateway_requests_total{endpoint="chat.completions",fate="completed"}');
    expect(text).toMatch(/tollgate_gateway_tokens_total\{direction="output"\} [1-9]/);
  });

  test('a request id that is not sane is not kept', async () => {
    for (const id of ['with space', 'x'.repeat(129), 'ü']) {
      await fetch(`${under.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TEST_KEY}`, 'x-request-id': Buffer.from(id).toString('latin1') },
        body: JSON.stringify(ask),
      });
      expect(under.spool.events().at(-1)?.data).toMatchObject({ client_request_id: null });
    }
  });
});
