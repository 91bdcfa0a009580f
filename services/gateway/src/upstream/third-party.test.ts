import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, until } from '@tollgate/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TEST_KEY } from '../testing/gateway-under-test.ts';
import { type LiveGateway, startLiveGateway } from '../testing/live-gateway.ts';
import { type RecordingUpstream, startRecordingUpstream } from '../testing/recording-upstream.ts';

let upstream: RecordingUpstream;
let under: LiveGateway | null = null;

beforeEach(async () => {
  upstream = await startRecordingUpstream({ anyEndpoint: true });
});
afterEach(async () => {
  await under?.close();
  under = null;
  await upstream.close();
});

async function start(target: object): Promise<LiveGateway> {
  const file = join(temporaryFolder('third-party'), 'policy-config.yaml');
  const pack = { name: 'p', version: '1.0.0', enabled: true };
  const targets = [{ id: 'theirs', base_url: upstream.baseUrl, ...target }];
  writeFileSync(
    file,
    JSON.stringify({ pack, providers: { targets }, policies: { chain: ['audit-logger'] } }),
  );
  under = await startLiveGateway({ file, env: { THEIR_KEY: 'simulated-databricks' } });
  return under;
}

function chat({ url }: LiveGateway, model: string, more: object = {}): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}` },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'one two' }], max_tokens: 3, ...more }),
  });
}

async function usage({ spool }: LiveGateway) {
  const found = () => spool.events().find(({ type }) => type === 'tollgate.usage.v1')?.data;
  return until(found, { timeoutMs: 5_000 });
}

test.each([
  'openai-gpt',
  'anthropic-claude',
  'azure-openai-gpt',
  'cohere-command',
  'google-gemini',
  'bedrock-nova',
])(
  'the external-model endpoint %s is called like any other of the workspace, and recorded as external',
  async (endpoint) => {
    const gateway = await start({
      provider: `databricks:chat:${endpoint}`,
      secret_key_ref: { env: 'THEIR_KEY' },
      serving_mode: 'external',
    });
    const more = { simulated: { fault: 'token-details;cached=1;reasoning=2' } };
    expect((await chat(gateway, endpoint, more)).status).toBe(200);
    expect(JSON.parse(upstream.bodies[0] ?? '')).toMatchObject({
      client_request_id: expect.stringMatching(/\.1$/),
      usage_context: expect.objectContaining({}),
    });
    expect(await usage(gateway)).toMatchObject({
      attribution: { served_model: endpoint, serving_mode: 'external', target_id: 'theirs' },
      outcome: 'completed',
      fidelity: 'provider',
      quantities: { input_tokens: 2, output_tokens: 3, cached_input_tokens: 1, reasoning_tokens: 2 },
    });
  },
);

test.each([false, true])(
  'any OpenAI-compatible upstream is called with the bytes that came; stream: %s',
  async (stream) => {
    const gateway = await start({
      provider: 'openai-compatible',
      model: 'their-model',
      secret_key_ref: { env: 'THEIR_KEY' },
      serving_mode: 'external',
    });
    const response = await chat(gateway, 'their-model', { stream });
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.stringContaining(stream ? '[DONE]' : 'usage'),
    ]);
    const sent = JSON.parse(upstream.bodies[0] ?? '');
    expect(sent).not.toHaveProperty('client_request_id');
    expect(sent).not.toHaveProperty('usage_context');
    expect(await usage(gateway)).toMatchObject({
      attribution: { served_model: 'their-model', serving_mode: 'external' },
      fidelity: 'provider',
      quantities: { input_tokens: 2, output_tokens: 3 },
    });
  },
);

test('an upstream without a credential is sent none', async () => {
  upstream.simulated.setTokens(null);
  const gateway = await start({ provider: 'openai-compatible:chat:local' });
  expect((await chat(gateway, 'local')).status).toBe(200);
  expect(upstream.authorizations).toEqual([undefined]);
});
