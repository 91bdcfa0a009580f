import { createHmac } from 'node:crypto';
import { appendFileSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { UsageData } from '@tollgate/events';
import type { PayloadCapture } from '@tollgate/policy';
import { createLogger, createMetrics, type Metrics } from '@tollgate/telemetry';
import { temporaryFolder, until as untilWithin } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Policy } from '../policy/policy.ts';
import {
  type GatewayUnderTest,
  startGatewayUnderTest,
  TEST_KEY,
  testChain,
  testPolicy,
} from '../testing/gateway-under-test.ts';
import { type RecordingUpstream, startRecordingUpstream } from '../testing/recording-upstream.ts';
import { type PayloadSettings, type StartedPayloads, startPayloads } from './start-payloads.ts';
import { startVaultInMemory, type VaultInMemory } from './testing/vault-in-memory.ts';

const CHAT = 'databricks-meta-llama-3-3-70b-instruct';
const ALL = { requests: true, responses: true, retentionDays: null } as const;
const REQUIRED: PayloadCapture = { mode: 'required', ...ALL };
const BEST_EFFORT: PayloadCapture = { mode: 'best-effort', ...ALL };

const until = (condition: () => boolean) => untilWithin(condition, { timeoutMs: 10_000 });

let upstream: RecordingUpstream;
let vault: VaultInMemory;
let metrics: Metrics;
let payloads: StartedPayloads;
let under: GatewayUnderTest;
let folder: string;

beforeEach(async () => {
  upstream = await startRecordingUpstream();
  vault = await startVaultInMemory();
  folder = temporaryFolder('payloads');
});
afterEach(async () => {
  await under.close();
  await payloads.stop();
  await vault.close();
  await upstream.close();
});

function startKeeping(
  policy: Pick<Policy, 'payloads'>,
  settings: Partial<PayloadSettings> = {},
): StartedPayloads {
  metrics = createMetrics();
  const started = startPayloads({
    settings: { folder, maxSpoolBytes: 1 << 24, maxBytes: 1 << 20, sealingKey: vault.publicKey, ...settings },
    auditUrl: vault.url,
    token: 'tgs_gateway',
    policy: () => policy,
    metrics,
    log: createLogger({ service: 'gateway', level: 'silent' }),
    stopMs: 200,
  });
  if (started === null) throw new Error('there is a vault');
  return started;
}

async function start(
  capture: PayloadCapture,
  settings: Partial<PayloadSettings> = {},
  more: Partial<Policy> = {},
): Promise<void> {
  const policy = testPolicy({
    baseUrl: upstream.baseUrl,
    policy: { payloads: capture.mode, payloadsFor: () => capture, ...more },
  });
  payloads = startKeeping(policy, settings);
  under = await startGatewayUnderTest(policy, { payloads: payloads.payloads });
}

function post(more: object = {}) {
  return fetch(`${under.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: CHAT,
      messages: [{ role: 'user', content: 'one two three' }],
      max_tokens: 5,
      ...more,
    }),
  });
}

function usageOf(requestId: string): UsageData {
  const usage = under.spool.eventsOf(requestId).find(({ type }) => type === 'tollgate.usage.v1');
  if (usage?.type !== 'tollgate.usage.v1') throw new Error('no usage');
  return usage.data;
}

async function call(more: object = {}) {
  const response = await post(more);
  const text = await response.text();
  return { status: response.status, text, id: response.headers.get('x-request-id') ?? '' };
}

describe('a captured call', () => {
  test('leaves with the vault what was asked and what the caller got, and its digests in the usage event', async () => {
    await start(REQUIRED);
    const { text, id } = await call({ user: 'end-user-1' });
    await until(() => vault.stored.size === 2);
    const request = vault.stored.get(`${id} request`);
    const response = vault.stored.get(`${id} response`);
    expect(JSON.parse(request?.body ?? '')).toMatchObject({
      model: CHAT,
      messages: [{ role: 'user', content: 'one two three' }],
    });
    // What the gateway adds on the way upstream is none of the caller's.
    expect(request?.body).not.toContain('client_request_id');
    expect(response?.body).toBe(text);
    expect(request?.facts).toMatchObject({
      organisation_id: 'org_1',
      team_id: 'team_1',
      principal_id: 'principal_1',
      end_user: 'end-user-1',
      truncated: false,
    });
    const days =
      Date.parse(request?.facts.retain_until ?? '') - Date.parse(request?.facts.requested_at ?? '');
    expect(days / 86_400_000).toBe(365);
    expect(usageOf(id).payloads).toEqual([
      {
        direction: 'request',
        body_bytes: request?.body.length,
        kept_bytes: request?.body.length,
        digest: request?.facts.digest,
      },
      {
        direction: 'response',
        body_bytes: text.length,
        kept_bytes: text.length,
        digest: response?.facts.digest,
      },
    ]);
    const plain = createHmac('sha256', '').update(text).digest('hex');
    expect(response?.facts.digest).not.toBe(plain);
  });

  test('that streams leaves every byte that the caller got', async () => {
    await start(BEST_EFFORT);
    const { text, id } = await call({ stream: true, max_tokens: 40 });
    await until(() => vault.stored.size === 2);
    expect(text).toContain('[DONE]');
    expect(vault.stored.get(`${id} response`)?.body).toBe(text);
    expect(vault.stored.get(`${id} response`)?.facts.content_type).toContain('text/event-stream');
  });

  test('is kept as it was redacted', async () => {
    const chain = testChain(
      { chain: ['pii-detector'] },
      { 'pii-detector': { entities: ['EMAIL_ADDRESS'], action: 'redact' } },
    );
    await start(REQUIRED, {}, { chain });
    const { id } = await call({ messages: [{ role: 'user', content: 'write to ann@example.com' }] });
    await until(() => vault.stored.size === 2);
    expect(vault.stored.get(`${id} request`)?.body).not.toContain('ann@example.com');
    expect(upstream.bodies[0]).not.toContain('ann@example.com');
  });

  test('that is larger than the cap is cut off, and says so', async () => {
    await start(REQUIRED, { maxBytes: 1024 });
    const { id } = await call({ messages: [{ role: 'user', content: 'x'.repeat(5000) }] });
    await until(() => vault.stored.size === 2);
    const { facts, body } = vault.stored.get(`${id} request`) ?? {};
    expect(facts).toMatchObject({ kept_bytes: 1024, truncated: true });
    expect(facts?.body_bytes).toBeGreaterThan(5000);
    expect(body).toHaveLength(1024);
    expect(usageOf(id).payloads?.[0]).toMatchObject({ kept_bytes: 1024, body_bytes: facts?.body_bytes });
  });

  test('keeps one of its bodies where the route asks for one', async () => {
    await start({ ...REQUIRED, responses: false });
    const { id } = await call();
    await until(() => vault.stored.size === 1);
    expect([...vault.stored.keys()]).toEqual([`${id} request`]);
    expect(usageOf(id).payloads).toHaveLength(1);
  });

  test('that is refused leaves no answer behind', async () => {
    await start(REQUIRED);
    upstream.simulated.addFault({ fault: 'internal-error' });
    const { status, id } = await call();
    expect(status).toBeGreaterThanOrEqual(500);
    expect(usageOf(id).payloads?.map(({ direction }) => direction)).toEqual(['request']);
  });
});

describe('while the vault is away', () => {
  test('calls pass as long as the spool has room, and the vault gets everything afterwards', async () => {
    await start(REQUIRED);
    vault.status = 503;
    const { status, id } = await call();
    expect(status).toBe(200);
    await until(() => vault.batches > 0);
    expect(vault.stored.size).toBe(0);
    vault.status = 0;
    await until(() => vault.stored.size === 2);
    expect(vault.stored.has(`${id} response`)).toBe(true);
    await until(() => readdirSync(folder).length === 0);
  });

  test('a full spool refuses calls whose payloads are required, before anything is sent upstream', async () => {
    await start(REQUIRED, { maxSpoolBytes: 1100 });
    const { status, text, id } = await call();
    expect([status, JSON.parse(text).error.code]).toEqual([503, 'payloads_unavailable']);
    expect(upstream.bodies).toHaveLength(0);
    expect(under.spool.eventsOf(id).at(-1)?.data).toMatchObject({
      outcome: 'rejected',
      code: 'payloads_unavailable',
    });
  });

  test('a spool that is full when the answer comes gives no answer where it is required', async () => {
    await start(REQUIRED, { maxSpoolBytes: 1900 });
    const { status } = await call();
    expect(upstream.bodies).toHaveLength(1);
    expect(status).toBe(503);
  });

  test('a full spool lets other calls pass, and counts and states what is lost', async () => {
    await start(BEST_EFFORT, { maxSpoolBytes: 1100 });
    const { status, id } = await call();
    expect(status).toBe(200);
    expect(usageOf(id).payloads?.map(({ digest, kept_bytes }) => [digest, kept_bytes])).toEqual([
      [null, 0],
      [null, 0],
    ]);
    expect(await metrics.text()).toContain(
      'tollgate_gateway_payloads_total{direction="response",outcome="lost"} 1',
    );
  });
});

test('without the vault’s key nothing can be kept: what is required is refused, and readiness says why', async () => {
  vault.status = 404;
  await start(REQUIRED, { sealingKey: null });
  const early = payloads.troubles();
  const { status } = await call();
  if (early.length > 0) expect(status).toBe(503);
  // The key is asked for, whatever becomes of batches.
  await until(() => payloads.troubles().length === 0);
  expect((await call()).status).toBe(200);
});

test('what an earlier process left open is sent, up to its last whole record', async () => {
  vault.status = 503;
  await start(BEST_EFFORT);
  const { id } = await call();
  await until(() => readdirSync(folder).some((name) => name.endsWith('.batch')));
  await payloads.stop();
  const [batch = ''] = readdirSync(folder);
  const open = join(folder, batch.replace('.batch', '.open'));
  renameSync(join(folder, batch), open);
  appendFileSync(open, Buffer.from('00000100ffffffff0000', 'hex'));
  vault.status = 0;
  payloads = startKeeping({ payloads: 'best-effort' });
  await until(() => vault.stored.size === 2);
  expect(vault.stored.has(`${id} request`)).toBe(true);
  await until(() => readdirSync(folder).length === 0);
});

test('a batch that the vault refuses for good is set aside, and the next one is sent', async () => {
  await start(BEST_EFFORT);
  vault.status = 400;
  await call();
  await until(() => readdirSync(folder).some((name) => name.endsWith('.refused')));
  vault.status = 0;
  const { id } = await call();
  await until(() => vault.stored.has(`${id} response`));
  expect(readdirSync(folder).filter((name) => name.endsWith('.refused'))).toHaveLength(1);
});
