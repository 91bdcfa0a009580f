import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DirectoryClient } from '@tollgate/directory';
import { ServiceClient } from '@tollgate/http';
import { createLogger } from '@tollgate/telemetry';
import { temporaryFolder, until } from '@tollgate/testing';
import { prepareInstallation, type ReplayTarget } from 'tollgate/replay';
import { STACK_MODEL, type Stack, startStack } from 'tollgate/stack';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

const MAIN = fileURLToPath(new URL('../../services/tollgate/src/main.ts', import.meta.url));
const ZDR_MODEL = 'databricks-dbrx-instruct';
const CALLS = 60;
const AT_ONCE = 6;
const TIMEOUT_MS = 60_000;
const run = promisify(execFile);

let stack: Stack;
let target: ReplayTarget;
let audit: ServiceClient;
let securityToken: string;

beforeAll(async () => {
  stack = await startStack({
    folder: temporaryFolder('payload-faults'),
    bus: { kind: 'embedded' },
    policyConfig,
    logger: createLogger({ service: 'payload-faults', level: 'warn' }),
  });
  target = await prepareInstallation(stack, { teams: 1, model: STACK_MODEL });
  const directory = new DirectoryClient({ baseUrl: stack.directoryUrl, token: target.token });
  const security = await directory.accessTokens.create({
    principal_type: 'user',
    principal_id: 'auditor',
    name: 'auditor',
    roles: ['security'],
  });
  securityToken = security.secret;
  audit = new ServiceClient({ baseUrl: stack.auditUrl, token: securityToken });
});

afterAll(() => stack?.stop());

const policyConfig = (upstreamUrl: string) => `
pack: { name: payloads, version: 1.0.0, enabled: true }
providers:
  targets:
    - id: simulated
      provider: databricks:chat:${STACK_MODEL}
      base_url: ${upstreamUrl}
      secret_key_ref: { env: DATABRICKS_TOKEN }
    - id: keeps-nothing
      provider: databricks:chat:${ZDR_MODEL}
      base_url: ${upstreamUrl}
      secret_key_ref: { env: DATABRICKS_TOKEN }
      data_policy: { zero_data_retention: true, asserted_by: legal, asserted_on: "2026-01-01" }
payloads: required
policies: { chain: [audit-logger] }
policy:
  audit-logger: { immutable: true, retention_days: 365 }
`;

interface Answered {
  readonly id: string;
  readonly prompt: string;
  readonly text: string;
}

/** One call; null where it was not answered whole, as when a process was just killed. */
async function call(nth: number, model = STACK_MODEL): Promise<Answered | null> {
  const prompt = `question number ${nth}, whose answer has to be kept`;
  try {
    const response = await fetch(`${stack.gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${target.teams[0]?.key ?? ''}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: prompt }], stream: nth % 2 === 0 }),
    });
    const text = await response.text();
    const whole = response.ok && (nth % 2 === 1 || text.includes('[DONE]'));
    return whole ? { id: response.headers.get('x-request-id') ?? '', prompt, text } : null;
  } catch {
    return null;
  }
}

const stored = z.object({ payloads: z.array(z.object({ direction: z.string(), state: z.string() })) });

function states(id: string): Promise<string[]> {
  return audit
    .call({ method: 'GET', path: `/v1/requests/${id}/payloads`, answer: stored })
    .then(({ payloads }) => payloads.map(({ direction, state }) => `${direction} ${state}`))
    .catch(() => []);
}

async function reveal(id: string): Promise<string[]> {
  const asked = await audit.call({
    method: 'POST',
    path: '/v1/payloads/reveals',
    body: { request_id: id, reason: 'a test' },
    answer: z.object({ reveal_id: z.string() }),
  });
  const { payloads } = await audit.call({
    method: 'GET',
    path: `/v1/payloads/reveals/${asked.reveal_id}/content`,
    answer: z.object({ payloads: z.array(z.object({ body: z.base64() })) }),
  });
  return payloads.map(({ body }) => Buffer.from(body, 'base64').toString());
}

test('whoever was answered while gateway and vault were killed has both payloads kept, as they were', async () => {
  const { gateway, audit: vault } = stack.services;
  const answered: Answered[] = [];
  let nth = 0;
  const caller = async () => {
    while (nth < CALLS) {
      nth += 1;
      const mine = nth;
      await until(
        async () => {
          const answer = await call(mine);
          if (answer !== null) answered.push(answer);
          return answer !== null;
        },
        { timeoutMs: TIMEOUT_MS },
      );
    }
  };
  const callers = Array.from({ length: AT_ONCE }, caller);
  for (const victim of [vault, gateway, vault]) {
    const before = answered.length;
    await until(() => answered.length >= before + CALLS / 6 || nth >= CALLS, { timeoutMs: TIMEOUT_MS });
    await victim.kill();
    await victim.start();
  }
  await Promise.all(callers);
  expect(answered).toHaveLength(CALLS);
  for (const { id, prompt, text } of answered) {
    const both = ['request kept', 'response kept'];
    await until(async () => (await states(id)).join() === both.join(), { timeoutMs: TIMEOUT_MS });
    const [request = '', response = ''] = await reveal(id);
    expect(request).toContain(prompt);
    expect(response).toBe(text);
  }
}, 240_000);

test('a target that keeps no data leaves sizes alone, although payloads are required', async () => {
  const answer = await call(1001, ZDR_MODEL);
  expect(answer).not.toBeNull();
  const after = await call(1003);
  await until(async () => (await states(after?.id ?? '')).length === 2, { timeoutMs: TIMEOUT_MS });
  expect(await states(answer?.id ?? '')).toEqual([]);
});

test('the commands hold, refuse to erase, release, erase and verify; proofs stay whole', async () => {
  const { id } = (await call(2001)) ?? { id: '' };
  await until(async () => (await states(id)).length === 2, { timeoutMs: TIMEOUT_MS });
  const env = { ...process.env, TOLLGATE_AUDIT_URL: stack.auditUrl, TOLLGATE_TOKEN: securityToken };
  const tollgate = async (...args: string[]) => {
    try {
      const { stdout } = await run(process.execPath, [MAIN, 'audit', ...args], { env });
      return { code: 0, out: stdout };
    } catch (error) {
      const { code, stderr, stdout } = error as { code: number; stderr: string; stdout: string };
      return { code, out: stdout + stderr };
    }
  };
  const shown = await tollgate('reveal', id, '--reason', 'case 7');
  expect([shown.code, shown.out.includes('question number 2001')]).toEqual([0, true]);
  const held = await tollgate('hold', 'place', '--request', id, '--reason', 'case 7');
  const refused = await tollgate('erase', '--request', id, '--reason', 'asked', '--verify');
  expect([refused.code, refused.out.includes('legal_hold')]).toEqual([1, true]);
  expect((await tollgate('hold', 'release', held.out.trim(), '--reason', 'closed')).code).toBe(0);
  const erased = await tollgate('erase', '--request', id, '--reason', 'asked', '--verify', '--json');
  expect(erased.code, erased.out).toBe(0);
  const { payloads, verification } = JSON.parse(erased.out);
  expect([payloads, verification.found, verification.unread]).toEqual([2, [], []]);
  expect(verification.found_before).toBeGreaterThanOrEqual(4);
  expect((await tollgate('reveal', id, '--reason', 'case 7')).out).toContain('payload_erased');
  const prove = async () => {
    const { items } = await audit.call({
      method: 'GET',
      path: '/v1/events',
      query: { request_id: id, type: 'tollgate.usage.v1' },
      answer: z.object({ items: z.array(z.object({ event: z.looseObject({ id: z.string() }) })) }),
    });
    const [usage] = items;
    if (usage === undefined) return null;
    const proof = z.object({ event: z.base64(), proof: z.string() });
    return audit.call({ method: 'GET', path: `/v1/events/${usage.event.id}/proof`, answer: proof });
  };
  await until(async () => (await prove().catch(() => null)) !== null, { timeoutMs: TIMEOUT_MS });
  const usage = JSON.parse(Buffer.from((await prove())?.event ?? '', 'base64').toString());
  expect(usage.data.payloads).toHaveLength(2);
}, 300_000);
