import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { emissionFaults } from '@tollgate/events';
import { createSimulatedDatabricks, type SimulatedDatabricks } from '@tollgate/simulated-databricks';
import { temporaryFolder, until } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TEST_KEY, testOptions } from '../testing/gateway-under-test.ts';
import { type LiveGateway, type LiveGatewayOptions, startLiveGateway } from '../testing/live-gateway.ts';
import { MemorySpool } from '../testing/memory-spool.ts';

const MODEL = 'databricks-meta-llama-3-3-70b-instruct';
const GUARD = 'llama-guard';
const MARK = 'simulated-unsafe-violence';
const inTime = { timeoutMs: 10_000 };

let models: SimulatedDatabricks;
let judge: SimulatedDatabricks;
let under: LiveGateway | null = null;

beforeEach(async () => {
  models = createSimulatedDatabricks();
  judge = createSimulatedDatabricks({
    endpoints: [{ name: GUARD, task: 'chat', judges: true }],
    anyEndpoint: true,
  });
  await Promise.all([models.listen(), judge.listen()]);
});
afterEach(async () => {
  await under?.close();
  under = null;
  await Promise.all([models.close(), judge.close()]);
});

const FORMATS = [
  ['openai-moderation', 'moderation'],
  ['llama-guard', GUARD],
] as const;

/** A gateway whose chain holds the safety filter, alone or with others. */
async function start(
  settings: object = {},
  more: Partial<LiveGatewayOptions> & { readonly chain?: readonly string[]; readonly policy?: object } = {},
): Promise<LiveGateway> {
  const file = join(temporaryFolder('safety'), 'policy-config.yaml');
  const target = (id: string, model: string, url: string) => ({
    id,
    provider: 'databricks',
    model,
    base_url: `${url}/serving-endpoints`,
    secret_key_ref: { env: 'TOKEN' },
  });
  const filter = { target: 'judge', format: 'llama-guard', timeout_seconds: 20, ...settings };
  const judging = filter.format === 'llama-guard' ? GUARD : 'moderation';
  const text = {
    pack: { name: 'p', version: '1.0.0', enabled: true },
    providers: { targets: [target('llama', MODEL, models.url), target('judge', judging, judge.url)] },
    policies: { chain: more.chain ?? ['safety-filter', 'audit-logger'] },
    policy: { 'safety-filter': filter, ...more.policy },
  };
  writeFileSync(file, JSON.stringify(text));
  under = await startLiveGateway({ ...more, file, env: { TOKEN: 'simulated-databricks' } });
  return under;
}

function chat(content: string, more: RequestInit = {}): Promise<Response> {
  return fetch(`${under?.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}` },
    body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content }], max_tokens: 3 }),
    ...more,
  });
}

const codeOf = async (response: Response): Promise<[number, unknown]> => [
  response.status,
  ((await response.json()) as { error: { code: string } }).error.code,
];

const decisions = ({ spool }: LiveGateway) =>
  spool.events().flatMap(({ type, data }) => (type === 'tollgate.decision.v1' ? [data] : []));

describe.each(FORMATS)('a judge that speaks %s', (format) => {
  test('lets pass what is safe, and refuses what is not, with a finding and without the text', async () => {
    const gateway = await start({ format });
    expect((await chat('a kind word')).status).toBe(200);
    expect(await codeOf(await chat(`tell me ${MARK} now`))).toEqual([400, 'unsafe_content']);
    expect(models.stats().served).toBe(1);
    await until(() => decisions(gateway).length === 2, inTime);
    expect(decisions(gateway)).toMatchObject([
      { outcome: 'allowed', findings: [] },
      {
        outcome: 'denied',
        code: 'unsafe_content',
        findings: [{ policy: 'safety-filter', rule: 'violence', action: 'block', count: 1 }],
      },
    ]);
    const written = [...gateway.spool.appended.map(({ json }) => json), ...gateway.logged].join('\n');
    expect(written).not.toMatch(/kind word|simulated-unsafe/);
    expect(gateway.spool.openHolds).toBe(0);
    const [first, second] = [...new Set(gateway.spool.events().map(({ subject }) => subject))];
    expect(emissionFaults('answered', gateway.spool.eventsOf(first ?? ''))).toEqual([]);
    expect(emissionFaults('denied', gateway.spool.eventsOf(second ?? ''))).toEqual([]);
    const metrics = await gateway.metrics.text();
    expect(metrics).toContain('tollgate_gateway_safety_checks_total{target="judge",outcome="safe"} 1');
    expect(metrics).toContain('tollgate_gateway_safety_checks_total{target="judge",outcome="unsafe"} 1');
    expect(metrics).toContain('tollgate_gateway_safety_check_duration_seconds_count{target="judge"} 2');
  });

  test.each(['internal-error', 'malformed-json', 'reset-before-answer', 'no-answer', 'rate-limit'])(
    'and has the fault %s refuses by default, and is let pass where the file says so',
    async (fault) => {
      judge.addFault({ fault });
      const timeout = { timeout_seconds: fault === 'no-answer' ? 0.3 : 20 };
      const gateway = await start({ format, ...timeout });
      expect(await codeOf(await chat('a kind word'))).toEqual([503, 'safety_check_failed']);
      expect(models.stats().served).toBe(0);
      await gateway.close();
      const lenient = await start({ format, on_error: 'flag', ...timeout });
      expect((await chat('a kind word')).status).toBe(200);
      expect(decisions(lenient)[0]).toMatchObject({
        outcome: 'allowed',
        findings: [{ rule: 'no-verdict', action: 'flag' }],
      });
    },
  );
});

test('the judge sees what the policies before it left, and those after it see what it let pass', async () => {
  const gateway = await start(
    {},
    {
      chain: ['pii-detector', 'safety-filter', 'dlp-filter'],
      policy: {
        'pii-detector': { entities: ['EMAIL_ADDRESS'] },
        'dlp-filter': { detect_patterns: ['forbidden'], action: 'block' },
      },
    },
  );
  judge.addFault({ fault: 'internal-error', times: 1, match: { model: GUARD } });
  expect((await chat('write to ann@example.com')).status).toBe(503);
  expect((await chat('write to ann@example.com')).status).toBe(200);
  expect(await codeOf(await chat('a forbidden word'))).toEqual([400, 'dlp_match']);
  // "write to <EMAIL_ADDRESS_1>", then "a forbidden word".
  expect(judge.stats().byModel[GUARD]).toMatchObject({ inputTokens: 6 });
  await until(() => decisions(gateway).length === 3, inTime);
  expect(decisions(gateway)[1]?.findings).toEqual([
    { policy: 'pii-detector', rule: 'EMAIL_ADDRESS', action: 'redact', count: 1 },
  ]);
});

test('what an earlier policy refuses, and what holds no text, is not sent to the judge', async () => {
  await start(
    {},
    { chain: ['dlp-filter', 'safety-filter'], policy: { 'dlp-filter': { detect_patterns: ['forbidden'] } } },
  );
  expect((await chat('a forbidden word')).status).toBe(400);
  expect((await chat('')).status).toBe(200);
  expect(judge.stats().requests).toBe(0);
});

test('a caller that leaves while the judge thinks is recorded as such, and the judge is not waited for', async () => {
  judge.addFault({ fault: 'no-answer' });
  const gateway = await start({ timeout_seconds: 30 });
  const controller = new AbortController();
  const answer = chat('a kind word', { signal: controller.signal });
  await until(() => judge.stats().inFlight === 1, inTime);
  expect(gateway.gateway.inFlight()).toBe(1);
  controller.abort();
  await expect(answer).rejects.toThrow();
  await until(() => gateway.gateway.inFlight() === 0 && judge.stats().inFlight === 0, inTime);
  expect(decisions(gateway)).toMatchObject([{ outcome: 'rejected', code: 'caller_left' }]);
  expect(gateway.spool.openHolds).toBe(0);
  expect(models.stats().requests).toBe(0);
});

test('a gateway that stops does not wait for the judge', async () => {
  judge.addFault({ fault: 'no-answer' });
  const gateway = await start({ timeout_seconds: 30 });
  const answer = chat('a kind word');
  await until(() => judge.stats().inFlight === 1, inTime);
  await gateway.gateway.close(50);
  expect(await codeOf(await answer)).toEqual([503, 'shutting_down']);
});

test('nothing leaves the gateway before its record is safe', async () => {
  const spool = new MemorySpool();
  spool.stuck = true;
  const gateway = await start({}, { spool });
  const answer = chat('a kind word');
  await until(() => gateway.gateway.inFlight() === 1, inTime);
  expect(judge.stats().requests).toBe(0);
  gateway.clock.aheadMs += testOptions.limits.recordTimeoutMs + 1;
  gateway.gateway.sweep();
  expect(await codeOf(await answer)).toEqual([503, 'audit_unavailable']);
  spool.unstick();
  await new Promise(setImmediate);
  expect([judge.stats().requests, models.stats().requests]).toEqual([0, 0]);
});

test('many at once are each judged by themselves', async () => {
  judge.addFault({ fault: 'latency;ms=20' });
  const gateway = await start();
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) => chat(index % 2 === 0 ? 'kind' : MARK)),
  );
  expect(answers.map(({ status }) => status)).toEqual(
    answers.map((_, index) => (index % 2 === 0 ? 200 : 400)),
  );
  await until(() => gateway.gateway.inFlight() === 0, inTime);
  expect(gateway.spool.openHolds).toBe(0);
});
