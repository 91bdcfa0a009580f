import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSimulatedDatabricks, type SimulatedDatabricks } from '@tollgate/simulated-databricks';
import { temporaryFolder, until as untilWithin } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BudgetsUnderTest, budgetsUnderTest } from '../budgets/testing/budgets-under-test.ts';
import { limitData } from '../budgets/testing/limits.ts';
import { PushedClock, TEST_KEY } from '../testing/gateway-under-test.ts';
import { type LiveGateway, type LiveGatewayOptions, startLiveGateway } from '../testing/live-gateway.ts';
import { fetchToken } from '../upstream/credentials/fetch-token.ts';

const MODEL = 'databricks-meta-llama-3-3-70b-instruct';
const CLIENT = { clientId: 'client-1', clientSecret: 'dose-very-secret' };
const OAUTH = { oauth: { client_id: { env: 'CLIENT_ID' }, client_secret: { env: 'CLIENT_SECRET' } } };
const OUTPUT = { apply_to: ['output'], entities: ['EMAIL_ADDRESS'] };
const until = (condition: () => boolean | Promise<boolean>) => untilWithin(condition, { timeoutMs: 15_000 });

let upstream: SimulatedDatabricks;
let under: LiveGateway;
let held: BudgetsUnderTest | null;
let file: string;
let version = 0;

beforeEach(async () => {
  held = null;
  upstream = createSimulatedDatabricks({ tokens: ['simulated-databricks'], oauthClients: [CLIENT] });
  await upstream.listen();
  file = join(temporaryFolder('policy'), 'policy-config.yaml');
});
afterEach(async () => {
  await under.close();
  await held?.budgets.stop(1_000);
  await upstream.close();
});

interface Edit {
  readonly target?: object;
  readonly others?: readonly object[];
  readonly chain?: readonly string[];
  readonly policy?: object;
}

/** Writes the file in one step, with another version. */
function write({ target = {}, others = [], chain = ['audit-logger'], policy = {} }: Edit = {}): void {
  version += 1;
  const llama = {
    id: 'llama',
    provider: `databricks:chat:${MODEL}`,
    base_url: `${upstream.url}/serving-endpoints`,
    ...('oauth' in target ? {} : { secret_key_ref: { env: 'TOKEN' } }),
    ...target,
  };
  const pack = { name: 'p', version: `${version}.0.0`, enabled: true };
  const text = { pack, providers: { targets: [llama, ...others] }, policies: { chain }, policy };
  writeFileSync(`${file}.new`, JSON.stringify(text));
  renameSync(`${file}.new`, file);
}

async function start(first: Edit = {}, options: Partial<LiveGatewayOptions> = {}): Promise<void> {
  write(first);
  const env = {
    TOKEN: 'simulated-databricks',
    CLIENT_ID: CLIENT.clientId,
    CLIENT_SECRET: CLIENT.clientSecret,
  };
  under = await startLiveGateway({ file, env, ...options });
}

/** Writes an edit, and waits until it is in force. */
async function edit(change: Edit = {}): Promise<void> {
  write(change);
  await under.live.reload();
  await until(() => under.live.current().version.version === `${version}.0.0`);
}

function chat(more: object = {}): Promise<Response> {
  return fetch(`${under.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}` },
    body: JSON.stringify({
      model: MODEL,
      messages: [{ role: 'user', content: 'x' }],
      max_tokens: 4,
      ...more,
    }),
  });
}

const outcome = async (response: Response): Promise<string> => {
  const body = (await response.json()) as { error?: { code: string } };
  return `${response.status} ${body.error?.code ?? 'answered'}`;
};

/** What the metrics say of a target. */
const state = async (target = 'llama') =>
  new RegExp(`target_breaker_state\\{target="${target}"\\} (\\d)`).exec(await under.metrics.text())?.[1];

/** As many failures as open a breaker. */
async function failFiveTimes(): Promise<void> {
  upstream.addFault({ fault: 'internal-error', times: 5 });
  for (let times = 0; times < 5; times += 1) expect((await chat()).status).toBe(500);
  expect(await state()).toBe('2');
}

describe('what is known of a target', () => {
  test('stays: an open breaker is open after an edit, and closes when it would have', async () => {
    await start();
    await failFiveTimes();
    const asked = upstream.stats().requests;
    await edit({ chain: [] });
    expect(await outcome(await chat())).toBe('503 upstream_unavailable');
    await edit({ target: { timeout_seconds: 30 } });
    expect(await outcome(await chat())).toBe('503 upstream_unavailable');
    expect(upstream.stats().requests).toBe(asked);
    under.clock.aheadMs += 6_000;
    expect(await outcome(await chat())).toBe('200 answered');
    expect(await state()).toBe('0');
  });

  test('stays: one that asked for rest is left alone after an edit', async () => {
    await start();
    upstream.addFault({ fault: 'rate-limit;retry_after_s=7', times: 1 });
    expect((await chat()).status).toBe(429);
    await edit({ chain: [] });
    const answer = await chat();
    expect(answer.headers.get('retry-after')).toBe('7');
    expect(await outcome(answer)).toBe('429 upstream_rate_limit');
    under.clock.aheadMs += 7_001;
    expect(await outcome(await chat())).toBe('200 answered');
  });

  test('stays: failures before and after an edit are counted together', async () => {
    await start();
    upstream.addFault({ fault: 'internal-error', times: 5 });
    for (let times = 0; times < 3; times += 1) await (await chat()).text();
    await edit({ chain: [] });
    expect(await state()).toBe('0');
    for (let times = 0; times < 2; times += 1) await (await chat()).text();
    expect(await state()).toBe('2');
  });

  test('goes with its address, and with its target', async () => {
    await start();
    await failFiveTimes();
    const other = createSimulatedDatabricks({ tokens: ['simulated-databricks'] });
    const base_url = `${await other.listen()}/serving-endpoints`;
    try {
      await edit({ target: { base_url } });
      expect(await state()).toBe('0');
      expect(await outcome(await chat())).toBe('200 answered');
      // The first address is as good as new when it is back.
      await edit();
      expect(await state()).toBe('0');
      expect(await outcome(await chat())).toBe('200 answered');
      await edit({ target: { id: 'renamed' } });
      expect(await state()).toBeUndefined();
      expect(await state('renamed')).toBe('0');
    } finally {
      await other.close();
    }
  });

  test('stays where an edit is rejected, which leaves no target behind', async () => {
    await start();
    await failFiveTimes();
    const ghost = { id: 'ghost', provider: 'databricks:chat:x', base_url: upstream.url };
    write({ others: [{ ...ghost, secret_key_ref: { env: 'MISSING' } }] });
    expect(await under.live.reload()).toBe('rejected');
    expect(await outcome(await chat())).toBe('503 upstream_unavailable');
    expect(await state('ghost')).toBeUndefined();
  });

  test('is looked at once, not once for each edit', async () => {
    const target = { health_probe: true };
    await start(
      { target },
      { routing: { probes: { intervalMs: 200, timeoutMs: 1_000 }, random: () => 0.5 } },
    );
    for (let edits = 0; edits < 5; edits += 1)
      await edit({ target, chain: edits % 2 === 0 ? [] : ['audit-logger'] });
    const looks = async () =>
      Number(
        /target_probes_total\{target="llama",sight="healthy"\} (\d+)/.exec(await under.metrics.text())?.[1] ??
          0,
      );
    await until(async () => (await looks()) > 1);
    const [beganMs, before] = [performance.now(), await looks()];
    await until(async () => (await looks()) >= before + 5);
    // Five looks of one prober take a second; six probers would have done in a sixth of that.
    expect(performance.now() - beganMs).toBeGreaterThan(500);
  });
});

describe('what requests hold of limits', () => {
  const limits = [limitData({ limit_id: 'lim_strict', amount: '100000' })];

  test('is settled as it was reserved, whatever was edited meanwhile', async () => {
    const clock = new PushedClock();
    held = budgetsUnderTest({ limits, clock });
    await start({}, { clock, parts: { budgets: held.budgets } });
    expect((await chat()).status).toBe(200);
    const leases = held.server.open();
    upstream.addFault({ fault: 'latency;ms=300', times: 1 });
    const running = chat();
    await until(() => upstream.stats().inFlight === 1);
    await edit({ chain: [] });
    await edit({ target: { timeout_seconds: 30 } });
    expect((await running).status).toBe(200);
    expect((await chat()).status).toBe(200);
    // The same leases are drawn on: an edit gives none back, and takes none.
    expect(held.server.open()).toBe(leases);
    await under.gateway.close(1_000);
    await held.budgets.stop(1_000);
    const used = under.spool
      .events()
      .flatMap(({ type, data }) =>
        type === 'tollgate.usage.v1' ? [data.quantities.input_tokens + data.quantities.output_tokens] : [],
      );
    expect(used).toHaveLength(3);
    expect(held.server.settled('lim_strict')).toBe(BigInt(used.reduce((sum, tokens) => sum + tokens, 0)));
  });

  test('still counts after an edit: a limit that was used up stays so', async () => {
    const clock = new PushedClock();
    held = budgetsUnderTest({ limits: [limitData({ unit: 'requests', amount: '2', window: 'day' })], clock });
    await start({}, { clock, parts: { budgets: held.budgets } });
    for (let times = 0; times < 2; times += 1) expect((await chat()).status).toBe(200);
    await edit({ chain: [] });
    expect((await chat()).status).toBe(429);
  });
});

test('a token of an unchanged credential is not asked for again', async () => {
  let fetched = 0;
  await start(
    { target: OAUTH },
    {
      fetchToken: (...args) => {
        fetched += 1;
        return fetchToken(...args);
      },
    },
  );
  expect((await chat()).status).toBe(200);
  for (let edits = 0; edits < 3; edits += 1) {
    await edit({ target: OAUTH, chain: edits % 2 === 0 ? [] : ['audit-logger'] });
    expect((await chat()).status).toBe(200);
  }
  expect(fetched).toBe(1);
});

test('a stream that is under way keeps the rules that it was decided by, and new ones have the new', async () => {
  await start({ chain: ['pii-detector'], policy: { 'pii-detector': OUTPUT } });
  const slow = { stream: true, max_tokens: 30, simulated: { words_per_chunk: 1, chunk_delay_ms: 20 } };
  const begun = await chat(slow);
  const reader = begun.body?.getReader();
  await reader?.read();
  await edit({
    chain: ['dlp-filter'],
    policy: {
      'dlp-filter': { apply_to: ['output'], patterns: [{ name: 'any', regex: '[a-z]+', action: 'block' }] },
    },
  });
  let rest = '';
  for (let piece = await reader?.read(); piece?.value !== undefined; piece = await reader?.read())
    rest += Buffer.from(piece.value).toString();
  expect(rest).toMatch(/data: \[DONE\]\s*$/);
  const next = await (await chat(slow)).text();
  expect(next).toContain('output_blocked');
});
