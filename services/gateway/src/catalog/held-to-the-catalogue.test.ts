import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { emissionFaults } from '@tollgate/events';
import { createSimulatedDatabricks, type SimulatedDatabricks } from '@tollgate/simulated-databricks';
import { createLogger, createMetrics } from '@tollgate/telemetry';
import { temporaryFolder, until } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TEST_KEY } from '../testing/gateway-under-test.ts';
import { type LiveGateway, startLiveGateway } from '../testing/live-gateway.ts';
import { LifecycleWatch } from './lifecycle-watch.ts';

const LLAMA = 'databricks-meta-llama-3-3-70b-instruct';
const GEMINI_PRO = 'databricks-gemini-3-pro';
const inTime = { timeoutMs: 15_000 };

let upstream: SimulatedDatabricks;
let under: LiveGateway;
let folder: string;
let file: string;

beforeEach(async () => {
  upstream = createSimulatedDatabricks({ anyEndpoint: true });
  await upstream.listen();
  folder = temporaryFolder('policy');
  file = join(folder, 'policy-config.yaml');
});
afterEach(async () => {
  await under.close();
  await upstream.close();
});

/** A target of the simulated workspace. */
const target = (id: string, model: string, more: object = {}): object => ({
  id,
  provider: `databricks:chat:${model}`,
  base_url: `${upstream.url}/serving-endpoints`,
  secret_key_ref: { env: 'TOKEN' },
  ...more,
});

/** Serves targets and routes, with the gateway's clock set to a day. */
async function start(
  { day = '2026-01-15', ...sections }: { readonly day?: string; readonly [section: string]: unknown },
  targets: readonly object[],
): Promise<void> {
  write(sections, targets);
  under = await startLiveGateway({ file, env: { TOKEN: 'simulated-databricks' } });
  set(day);
}

function write(sections: object, targets: readonly object[]): void {
  const pack = { name: 'p', version: '1.0.0', enabled: true };
  const text = JSON.stringify({ pack, policies: { chain: [] }, providers: { targets }, ...sections });
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

function set(day: string): void {
  under.clock.shiftMs = Date.parse(day) - Date.now();
}

function call(model: string, more: object = {}): Promise<Response> {
  return fetch(`${under.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}` },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'x' }], max_tokens: 2, ...more }),
  });
}

async function refused(
  model: string,
): Promise<{ status: number; code: string; message: string; param: string }> {
  const response = await call(model);
  const { error } = (await response.json()) as { error: { code: string; message: string; param: string } };
  const id = response.headers.get('x-request-id') ?? '';
  await until(() => emissionFaults('denied', under.spool.eventsOf(id)).length === 0, inTime);
  return { status: response.status, ...error };
}

/** Code and findings of the latest decision, and what it names as served. */
function decided() {
  const data = under.spool
    .events()
    .flatMap((event) => (event.type === 'tollgate.decision.v1' ? [event.data] : []))
    .at(-1);
  return {
    outcome: data?.outcome,
    code: data?.code,
    findings: data?.findings.map(({ policy, rule, action }) => `${policy} ${rule} ${action}`),
    requested: data?.attribution.requested_model,
    served: data?.attribution.served_model,
  };
}

async function offered(): Promise<string[]> {
  const response = await fetch(`${under.url}/v1/models`, {
    headers: { authorization: `Bearer ${TEST_KEY}` },
  });
  const { data } = (await response.json()) as { data: { id: string }[] };
  return data.map(({ id }) => id);
}

describe('a route that asks for a place or a standard', () => {
  test('is refused where its target is elsewhere, with what may be called', async () => {
    const routes = [
      { model: 'eu-chat', targets: [{ target: 'us' }], region: 'westeurope' },
      { model: 'other', targets: [{ target: 'eu' }] },
    ];
    const targets = [
      target('us', LLAMA, { region: 'eastus' }),
      target('eu', LLAMA, { region: 'westeurope' }),
    ];
    await start({ routes }, targets);
    expect(await refused('eu-chat')).toMatchObject({
      status: 403,
      code: 'residency_violation',
      param: 'model',
      message: expect.stringMatching(
        /processed in westeurope, and .* is served in eastus\. Nearest permitted: .* in westeurope, offered here as "other"\.$/,
      ),
    });
    expect(decided()).toEqual({
      outcome: 'denied',
      code: 'residency_violation',
      findings: ['catalog residency_violation block'],
      requested: 'eu-chat',
      served: null,
    });
    expect(upstream.stats().served).toBe(0);
    expect(await offered()).toEqual(['other', LLAMA]);
  });

  test('is refused where no standard is met on pay-per-token, and served on provisioned throughput', async () => {
    const provisioned = target('pt', 'cards', {
      serving_mode: 'provisioned-throughput',
      region: 'us-east-1',
    });
    writeFileSync(
      join(folder, 'models.yaml'),
      `endpoints: [{endpoint: cards, model: ${LLAMA}, container_built_on: '2026-01-01', source: import}]
rows: [{model: '*', mode: provisioned-throughput, region: us-east-1, standards: {PCI-DSS: met}, source: contract}]`,
    );
    const routes = [
      { model: 'ppt', targets: [{ target: 'ppt' }], required_standards: ['PCI-DSS'] },
      { model: 'pt', targets: [{ target: 'pt' }], required_standards: ['PCI-DSS'] },
    ];
    await start({ routes, catalog: { file: 'models.yaml' } }, [target('ppt', LLAMA), provisioned]);
    expect(await refused('ppt')).toMatchObject({
      status: 403,
      code: 'standard_not_met',
      message: expect.stringContaining(
        'Nearest permitted: cards on provisioned-throughput in us-east-1, offered here as "pt"',
      ),
    });
    expect((await call('pt')).status).toBe(200);
    expect(decided()).toMatchObject({ outcome: 'allowed', findings: [], served: 'cards' });
    set('2026-01-31');
    expect(await refused('pt')).toMatchObject({ status: 403, code: 'container_too_old' });
  });

  test('notes what nobody can confirm', async () => {
    const routes = [{ model: 'health', targets: [{ target: 'ppt' }], required_standards: ['HIPAA'] }];
    await start({ routes }, [target('ppt', LLAMA)]);
    expect((await call('health')).status).toBe(200);
    expect(decided()).toMatchObject({ findings: ['catalog unasserted-compliance-profile flag'] });
  });

  test('leaves out the targets that are forbidden, fallbacks too, and gives their traffic to those that are not', async () => {
    const targets = [
      target('us', LLAMA, { region: 'eastus' }),
      target('down', 'databricks-mixtral-8x7b-instruct', { region: 'westeurope' }),
      target('eu', 'databricks-gpt-oss-20b', { region: 'westeurope' }),
    ];
    const routes = [
      {
        model: 'chat',
        region: 'westeurope',
        targets: [{ target: 'us', weight: 1 }],
        fallbacks: ['down', 'eu'],
      },
    ];
    await start({ routes }, targets);
    expect((await call('chat')).status).toBe(200);
    expect(decided()).toMatchObject({ outcome: 'allowed', served: 'databricks-mixtral-8x7b-instruct' });
    expect(await under.metrics.text()).toContain(
      'tollgate_gateway_target_left_out{model="chat",target="us",rule="residency_violation"} 1',
    );
    expect(under.logged.some((line) => line.includes('"target-left-out"'))).toBe(true);
  });
});

describe('cross-geography processing', () => {
  const gemini = () => target('g', 'databricks-gemini-3-5-flash', { region: 'japaneast' });

  test('that is not allowed is refused outside the US and the EU', async () => {
    const routes = [
      { model: 'strict', targets: [{ target: 'g' }] },
      { model: 'open', targets: [{ target: 'g' }], allow_cross_geography: true },
      { model: 'eu', targets: [{ target: 'e' }] },
    ];
    await start({ routes }, [gemini(), target('e', 'databricks-gemini-3-5-flash', { region: 'westeurope' })]);
    expect(await refused('strict')).toMatchObject({ status: 403, code: 'cross_geography_not_allowed' });
    expect((await call('open')).status).toBe(200);
    expect((await call('eu')).status).toBe(200);
  });

  test('of a model without a route of its own is noted', async () => {
    await start({}, [gemini()]);
    expect((await call('databricks-gemini-3-5-flash')).status).toBe(200);
    expect(decided()).toMatchObject({ findings: ['catalog cross-geography flag'] });
  });
});

test('a route is served while its feature flag is on, and an edit turns it', async () => {
  const targets = [target('m', 'databricks-llama-4-maverick', { serving_mode: 'provisioned-throughput' })];
  const sections = (on: boolean) => ({
    routes: [{ model: 'preview', targets: [{ target: 'm' }], feature_flag: 'maverick' }],
    feature_flags: { maverick: on },
  });
  await start(sections(false), targets);
  expect(await refused('preview')).toMatchObject({ status: 403, code: 'feature_flag_off' });
  write(sections(true), targets);
  expect(await under.live.reload()).not.toBe('rejected');
  expect((await call('preview')).status).toBe(200);
  expect(decided()).toMatchObject({ findings: ['catalog preview-model flag'] });
});

describe('what nobody knows', () => {
  test('passes with a flag, and is refused where it has to be known', async () => {
    const targets = [target('new', 'brand-new', { serving_mode: 'external' })];
    await start({}, targets);
    expect((await call('brand-new')).status).toBe(200);
    expect(decided()).toMatchObject({ findings: ['catalog unknown-model flag'] });
    write({ catalog: { require_known: true } }, targets);
    await under.live.reload();
    expect(await refused('brand-new')).toMatchObject({ status: 400, code: 'model_unknown' });
  });
});

describe('a date that passes', () => {
  test('takes effect at midnight, without a restart: Gemini 3 Pro is available, redirected, and gone', async () => {
    const routes = [{ model: 'pro', targets: [{ target: 'g' }], allow_cross_geography: true }];
    await start({ routes, catalog: { refuse_retired: true }, day: '2025-12-25T23:59:00Z' }, [
      target('g', GEMINI_PRO, { region: 'us-east-1' }),
    ]);
    const answered = async () => {
      const response = await call('pro');
      return [response.status, response.headers.get('deprecation'), response.headers.get('sunset')];
    };
    expect(await answered()).toEqual([200, null, null]);
    const said = [`@${Date.parse('2025-12-26') / 1000}`, 'Sun, 07 Jun 2026 00:00:00 GMT'];
    set('2025-12-26T00:00:00Z');
    expect(await answered()).toEqual([200, ...said]);
    expect(decided()).toMatchObject({ findings: [] });
    set('2026-03-26T00:00:01Z');
    expect(await answered()).toEqual([200, ...said]);
    expect(decided()).toMatchObject({ findings: ['catalog redirected-model flag'], served: GEMINI_PRO });
    set('2026-06-07T00:00:01Z');
    expect(await answered()).toEqual([400, ...said]);
    expect(await refused('pro')).toMatchObject({ code: 'model_retired' });
    set('2026-01-01');
    expect((await call('pro')).status).toBe(200);
  });

  test('says so on streams, and in the error of an upstream', async () => {
    await start({ day: '2026-07-01' }, [target('c', 'databricks-gpt-5-2-codex')]);
    const stream = await call('databricks-gpt-5-2-codex', { stream: true });
    expect(await stream.text()).toContain('[DONE]');
    expect(stream.headers.get('sunset')).toBe('Thu, 16 Jul 2026 00:00:00 GMT');
    await upstream.close();
    const failed = await call('databricks-gpt-5-2-codex');
    expect([failed.status, failed.headers.get('sunset')]).toEqual([502, 'Thu, 16 Jul 2026 00:00:00 GMT']);
  });
});

test('what a model is redirected to is recorded as what served, and the model asked for as requested', async () => {
  await start({}, [target('old', 'databricks-meta-llama-3-1-70b-instruct')]);
  const response = await call('databricks-meta-llama-3-1-70b-instruct');
  expect([response.status, response.headers.get('sunset')]).toEqual([200, null]);
  expect(response.headers.get('deprecation')).toMatch(/^@\d+$/);
  expect(decided()).toMatchObject({
    requested: 'databricks-meta-llama-3-1-70b-instruct',
    served: LLAMA,
    findings: ['catalog redirected-model flag'],
  });
  await until(() => under.spool.events().some(({ type }) => type === 'tollgate.usage.v1'), inTime);
  const usage = under.spool
    .events()
    .flatMap((event) => (event.type === 'tollgate.usage.v1' ? [event.data] : []));
  expect(usage[0]?.attribution.served_model).toBe(LLAMA);
});

describe('a retired model', () => {
  test('without a place or standard that asks for more is called, noted and told of once a day', async () => {
    await start({ day: '2026-01-15T20:00:00Z' }, [target('dbrx', 'databricks-dbrx-instruct')]);
    const response = await call('databricks-dbrx-instruct');
    expect([response.status, response.headers.get('sunset')]).toEqual([200, 'Wed, 30 Apr 2025 00:00:00 GMT']);
    expect(decided()).toMatchObject({ outcome: 'allowed', findings: ['catalog retired-model flag'] });
    const told: string[] = [];
    const log = createLogger({
      service: 'gateway',
      level: 'warn',
      destination: { write: (line) => told.push(line) },
    });
    const { live, clock } = under;
    const watch = new LifecycleWatch({ policy: live.current, clock, log, metrics: createMetrics() });
    watch.look();
    watch.look();
    expect(told.map((line) => JSON.parse(line))).toMatchObject([
      {
        code: 'retired-model',
        model: 'databricks-dbrx-instruct',
        target: 'dbrx',
        msg: expect.stringContaining('2025-04-30'),
      },
    ]);
    set('2026-01-16T00:00:00Z');
    watch.look();
    watch.look();
    expect(told).toHaveLength(2);
    expect(await under.metrics.text()).toMatch(
      /tollgate_gateway_model_retires_in_seconds\{model="databricks-dbrx-instruct",target="dbrx"\} -\d+/,
    );
  });

  test('is refused on a route with a place', async () => {
    const routes = [{ model: 'x', targets: [{ target: 'dbrx' }], region: 'eastus' }];
    await start({ routes }, [target('dbrx', 'databricks-dbrx-instruct', { region: 'eastus' })]);
    expect(await refused('x')).toMatchObject({ status: 400, code: 'model_retired' });
    expect(await under.metrics.text()).toContain(
      'tollgate_gateway_route_barred{model="x",rule="model_retired"} 1',
    );
  });
});

describe('the catalogue file', () => {
  const targets = () => [target('new', 'brand-new', { serving_mode: 'external' })];
  const KNOWN = 'models: [{model: brand-new, family: New, task: chat, source: us}]\n';
  const writeCatalogue = (text: string) => {
    const path = join(folder, 'models.yaml');
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };

  test('is followed as the policy file is, and a bad edit keeps the last good one', async () => {
    writeCatalogue('');
    await start({ catalog: { file: 'models.yaml', require_known: true } }, targets());
    expect(await refused('brand-new')).toMatchObject({ code: 'model_unknown' });
    writeCatalogue(KNOWN);
    await until(async () => (await call('brand-new')).status === 200, inTime);
    writeCatalogue(`${KNOWN}rows: [{model: brand-newer, source: us}]\n`);
    await until(() => under.live.warning() !== null, inTime);
    expect(under.live.warning()).toMatch(/models\.yaml:2:9: rows\[0\]\.model: "brand-newer" is not known/);
    expect((await call('brand-new')).status).toBe(200);
  });

  test('that is not valid stops the start', async () => {
    writeCatalogue('rows: [{}]');
    await start({}, targets());
    write({ catalog: { file: 'models.yaml' } }, targets());
    expect(await under.live.reload()).toBe('rejected');
    write({ catalog: { file: 'none.yaml' } }, targets());
    expect(await under.live.reload()).toBe('rejected');
    expect(under.live.warning()).toMatch(/none\.yaml: Can't read the catalogue file \(ENOENT\)/);
  });
});
