import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSimulatedDatabricks, type SimulatedDatabricks } from '@tollgate/simulated-databricks';
import { temporaryFolder, until } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Durability, Position } from '../spool/spool.ts';
import { TEST_KEY } from '../testing/gateway-under-test.ts';
import { type LiveGateway, startLiveGateway } from '../testing/live-gateway.ts';
import { MemorySpool } from '../testing/memory-spool.ts';
import type { LivePolicy } from './live-policy.ts';

const MODEL = 'databricks-meta-llama-3-3-70b-instruct';
const inTime = { timeoutMs: 15_000 };
/** As many as are taken up under load. */
const EDITS = 40;

let upstream: SimulatedDatabricks;
let under: LiveGateway;
let live: LivePolicy;
let file: string;

/** A policy file of a version; `more` replaces its members. */
function text(version: string, more: object = {}): string {
  return JSON.stringify({
    pack: { name: 'p', version, enabled: true },
    providers: {
      targets: [
        {
          id: 'llama',
          provider: `databricks:chat:${MODEL}`,
          base_url: `${upstream.url}/serving-endpoints`,
          secret_key_ref: { env: 'TOKEN' },
        },
      ],
    },
    policies: { chain: ['audit-logger'] },
    ...more,
  });
}

beforeEach(async () => {
  upstream = createSimulatedDatabricks();
  await upstream.listen();
  file = join(temporaryFolder('policy'), 'policy-config.yaml');
});
afterEach(async () => {
  await under.close();
  await upstream.close();
});

/** Records take a while to be safe, so that calls are sent later than they are decided on. */
class SlowSpool extends MemorySpool {
  override after(_level: Durability, _position: Position, done: (error: Error | null) => void): void {
    setTimeout(() => done(null), 4);
  }
}

async function start(env: Record<string, string> = {}, spool = new MemorySpool()): Promise<void> {
  under = await startLiveGateway({ file, env: { TOKEN: 'simulated-databricks', ...env }, spool });
  live = under.live;
}

function chat(more: object = {}, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${under.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}`, ...headers },
    body: JSON.stringify({
      model: MODEL,
      messages: [{ role: 'user', content: 'x' }],
      max_tokens: 4,
      ...more,
    }),
  });
}

const version = () => live.current().version.version;

/** Replaces the file in one step. */
function replace(content: string): void {
  writeFileSync(`${file}.new`, content);
  renameSync(`${file}.new`, file);
}

describe('an edit', () => {
  test('is taken up, and is what the next request is decided by', async () => {
    writeFileSync(file, text('1.0.0'));
    await start();
    expect((await chat()).status).toBe(200);
    replace(text('2.0.0', { policies: { chain: [] } }));
    await until(() => version() === '2.0.0', inTime);
    expect((await chat()).status).toBe(200);
    const versions = under.spool
      .events()
      .flatMap(({ type, data }) =>
        type === 'tollgate.decision.v1' ? [data.attribution.policy.version] : [],
      );
    expect(versions).toEqual(['1.0.0', '2.0.0']);
    expect(await under.metrics.text()).toMatch(
      /tollgate_gateway_policy_info\{name="p",version="2\.0\.0",digest="[0-9a-f]{64}"\} 1/,
    );
    expect(await under.metrics.text()).not.toContain('version="1.0.0"');
  });

  test('behind the links of a ConfigMap is taken up', async () => {
    const folder = join(file, '..');
    for (const name of ['1', '2']) {
      mkdirSync(join(folder, `..${name}`));
      writeFileSync(join(folder, `..${name}`, 'policy-config.yaml'), text(`${name}.0.0`));
    }
    symlinkSync('..1', join(folder, '..data'));
    symlinkSync('..data/policy-config.yaml', file);
    await start();
    symlinkSync('..2', join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    await until(() => version() === '2.0.0', inTime);
  });

  test('that takes a target away leaves the streams that it has to their end', async () => {
    writeFileSync(file, text('1.0.0'));
    await start();
    const response = await chat({
      stream: true,
      max_tokens: 40,
      simulated: { words_per_chunk: 1, chunk_delay_ms: 25 },
    });
    const reader = response.body?.getReader();
    await reader?.read();
    const other = createSimulatedDatabricks();
    await other.listen();
    try {
      const target = {
        id: 'elsewhere',
        provider: `databricks:chat:${MODEL}`,
        base_url: `${other.url}/serving-endpoints`,
        secret_key_ref: { env: 'TOKEN' },
      };
      replace(text('2.0.0', { providers: { targets: [target] } }));
      await until(() => version() === '2.0.0', inTime);
      let rest = '';
      for (;;) {
        const piece = await reader?.read();
        if (piece?.value === undefined) break;
        rest += Buffer.from(piece.value).toString();
      }
      expect(rest).toMatch(/data: \[DONE\]\s*$/);
      expect((await chat()).status).toBe(200);
      await until(() => upstream.stats().served === 1 && other.stats().served === 1, {
        ...inTime,
        describe: () => JSON.stringify([upstream.stats(), other.stats()]),
      });
    } finally {
      await other.close();
    }
  });
});

describe('a bad edit', () => {
  test('changes nothing, and is told with every place in log, metric and readiness until it is mended', async () => {
    writeFileSync(file, text('1.0.0'));
    await start();
    replace(
      'pack: { name: p, version: "2.0.0", enabled: true }\npolicies: { chain: [audit-loger] }\nrouts: []\n',
    );
    await until(() => live.warning() !== null, inTime);
    expect(version()).toBe('1.0.0');
    expect((await chat()).status).toBe(200);
    const ready = await fetch(`${under.url}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([
      200,
      { status: 'ready', warnings: [expect.stringMatching(/version 1\.0\.0 .* still in force: .*:2:\d+: /)] },
    ]);
    const line = under.logged.map((each) => JSON.parse(each)).find(({ code }) => code === 'policy_rejected');
    expect(line).toMatchObject({
      problems: [
        { line: 2, column: expect.any(Number), path: 'policies.chain[0]' },
        { line: 3, column: 1, path: 'routs' },
      ],
      in_force: { version: '1.0.0' },
    });
    expect(await under.metrics.text()).toContain('tollgate_gateway_policy_rejected 1');
    expect(await under.metrics.text()).toContain(
      'tollgate_gateway_policy_reloads_total{outcome="rejected"} 1',
    );
    replace(text('3.0.0'));
    await until(() => version() === '3.0.0', inTime);
    expect(live.warning()).toBeNull();
    expect(await under.metrics.text()).toContain('tollgate_gateway_policy_rejected 0');
  });

  test.each<[string, () => string]>([
    ['that is disabled', () => text('2.0.0', { pack: { name: 'p', version: '2.0.0', enabled: false } })],
    ['whose credential is not there', () => text('2.0.0').replace('"TOKEN"', '"MISSING"')],
    ['half-written', () => text('2.0.0').slice(0, -20)],
    ['that is empty', () => ''],
  ])('%s is one', async (_, content) => {
    writeFileSync(file, text('1.0.0'));
    await start();
    replace(content());
    await until(() => live.warning() !== null, inTime);
    expect(version()).toBe('1.0.0');
    expect((await chat()).status).toBe(200);
  });

  test('whose credential comes later is taken up then, and is told of once', async () => {
    writeFileSync(file, text('1.0.0'));
    const secret = join(file, '..', 'secret');
    await start({ LATER_FILE: secret });
    replace(text('2.0.0').replace('"TOKEN"', '"LATER"'));
    await until(() => live.warning() !== null, inTime);
    await live.reload();
    await live.reload();
    writeFileSync(secret, 'simulated-databricks');
    await until(() => version() === '2.0.0', inTime);
    expect((await chat()).status).toBe(200);
    expect(await under.metrics.text()).toContain('policy_reloads_total{outcome="rejected"} 1');
  });

  test('of the catalogue file that the policy names is one, too; a good one is taken up', async () => {
    const catalogue = join(file, '..', 'catalogue.yaml');
    writeFileSync(catalogue, 'models: []\n');
    writeFileSync(file, text('1.0.0', { catalog: { file: catalogue } }));
    await start();
    const before = live.current();
    writeFileSync(catalogue, 'modls: []\n');
    await until(() => live.warning() !== null, inTime);
    expect(live.warning()).toContain('catalogue.yaml:1:1');
    writeFileSync(catalogue, 'models: []\n# another\n');
    await until(() => live.warning() === null, inTime);
    expect(live.current().version).toEqual(before.version);
  });

  test('that is taken back is forgotten', async () => {
    writeFileSync(file, text('1.0.0'));
    await start();
    const before = live.current();
    rmSync(file);
    await until(() => live.warning() !== null, inTime);
    writeFileSync(file, text('1.0.0'));
    await until(() => live.warning() === null, inTime);
    expect(live.current()).toBe(before);
  });
});

test('edits under load drop no request, and each is decided by a version in force while it was here', async () => {
  const write = (number: number) => replace(text(`${number}.0.0`, targetsOf(number)));
  /** Every third version has connections of its own. */
  const targetsOf = (number: number): object => ({
    providers: {
      targets: [
        {
          id: `llama-${number % 3}`,
          provider: `databricks:chat:${MODEL}`,
          base_url: `${upstream.url}/serving-endpoints${'/'.repeat(number % 3)}`,
          secret_key_ref: { env: `TOKEN${number % 3}` },
        },
      ],
    },
  });
  write(0);
  const token = 'simulated-databricks';
  await start({ TOKEN0: token, TOKEN1: token, TOKEN2: token }, new SlowSpool());
  let current = 0;
  let over = false;
  const seen: { readonly from: number; readonly to: number; readonly id: string }[] = [];
  const caller = async (stream: boolean): Promise<void> => {
    while (!over) {
      const from = current;
      const response = await chat({ stream, simulated: { chunk_delay_ms: 5, words_per_chunk: 1 } });
      const body = await response.text();
      if (response.status !== 200 || (stream && !body.includes('[DONE]')))
        throw new Error(`${response.status} ${body}`);
      seen.push({ from, to: current, id: response.headers.get('x-request-id') ?? '' });
    }
  };
  const callers = Array.from({ length: 8 }, (_, index) => caller(index % 2 === 0));
  const ended = Promise.allSettled(callers);
  try {
    for (let number = 1; number <= EDITS; number += 1) {
      write(number);
      expect(await live.reload()).not.toBe('rejected');
      // The file's own watcher may have been first.
      await until(() => version() === `${number}.0.0`, inTime);
      current = number;
      await new Promise(setImmediate);
    }
  } finally {
    over = true;
    await ended;
  }
  await Promise.all(callers);
  expect(seen.length).toBeGreaterThan(20);
  for (const { from, to, id } of seen) {
    const events = under.spool.eventsOf(id);
    const versions = new Set(
      events.map((event) =>
        event.type === 'tollgate.request.v1' ||
        event.type === 'tollgate.decision.v1' ||
        event.type === 'tollgate.usage.v1'
          ? event.data.attribution.policy.version
          : null,
      ),
    );
    expect(versions.size).toBe(1);
    const decided = Number.parseInt(String([...versions][0]), 10);
    expect(decided).toBeGreaterThanOrEqual(from);
    // The one that is being put in force when it arrives counts, too.
    expect(decided).toBeLessThanOrEqual(to + 1);
    expect(events.at(-1)?.data).toMatchObject({ outcome: 'completed' });
  }
  expect(readFileSync(file, 'utf8')).toContain(`"${EDITS}.0.0"`);
  await until(() => under.gateway.inFlight() === 0, inTime);
}, 90_000);
