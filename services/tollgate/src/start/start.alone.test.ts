import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { identityOf, isAlive } from '@tollgate/database/embedded';
import { ServiceClient } from '@tollgate/http';
import { temporaryFolder, until } from '@tollgate/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { readConnection } from './connection.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const READY_TIMEOUT_MS = 90_000;
/** What whoever pastes the line is promised. */
const SEEN_WITHIN_MS = 2_000;
const STOPPED_WITHIN_MS = 5_000;
const RECOVERED_WITHIN_MS = 30_000;
/** Of the printed line: 5 words in, and what the simulated model says to anything. */
const TOKENS_PER_REQUEST = 21;
const DAY_MS = 86_400_000;
const KEPT_TO_OURSELVES = [
  'demo-key.header',
  'owner-token.header',
  'connection.json',
  'logs/tollgate.log',
  'audit/archive/log.key',
  'audit/vault/master.key',
];
const run = promisify(execFile);

const folder = temporaryFolder('start');
const home = join(folder, '.tollgate');
const running = new Set<ChildProcess>();

/** One `tollgate start`, and what it has printed. */
interface Started {
  readonly child: ChildProcess;
  printed(): string;
}

function spawnStart(...flags: string[]): Started {
  const child = spawn(process.execPath, [MAIN, 'start', '--free-ports', ...flags], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += String(chunk)));
  return { child, printed: () => text };
}

async function start(...flags: string[]): Promise<Started> {
  const started = spawnStart(...flags);
  await until(() => started.printed().includes('Ctrl-C') || started.child.exitCode !== null, {
    timeoutMs: READY_TIMEOUT_MS,
    describe: () => `ready: ${started.printed()}`,
  });
  expect(started.child.exitCode, started.printed()).toBeNull();
  return started;
}

/** What the printed curl line answers, pasted into a shell. */
async function paste(started: Started): Promise<string> {
  const line = /^ +(curl http.*)$/m.exec(started.printed())?.[1] ?? 'false';
  const { stdout } = await run('sh', ['-c', line], { cwd: folder });
  if (stdout.includes('"object":"chat.completion"')) answered += 1;
  return stdout;
}

/** The same, until it is answered. */
async function pasteUntilAnswered(started: Started): Promise<void> {
  const before = answered;
  let last = '';
  await until(
    async () => {
      last = await paste(started);
      return answered > before;
    },
    { timeoutMs: RECOVERED_WITHIN_MS, intervalMs: 200, describe: () => `an answer: ${last}` },
  );
}

async function requestsInReport(): Promise<number> {
  const month = new Date().toISOString().slice(0, 7);
  const { totals } = await client('chargeback').call({
    method: 'GET',
    path: '/v1/report',
    query: { period: month },
    answer: z.object({ totals: z.array(z.looseObject({ requests: z.int() })) }),
  });
  return totals[0]?.requests ?? 0;
}

async function requestsInAudit(): Promise<number> {
  let found = 0;
  const item = z.object({ event: z.looseObject({ data: z.looseObject({ final: z.boolean() }) }) });
  const usage = { path: '/v1/events', query: { type: 'tollgate.usage.v1', limit: 500 }, item };
  for await (const { event } of client('audit').list(usage)) if (event.data.final) found += 1;
  return found;
}

/** As the limit of the first start counts it; each request of the printed line is as long as any other. */
async function tokensInBudget(): Promise<number> {
  const answer = z.object({ items: z.array(z.object({ confirmed: z.string() })) });
  const { items } = await client('budgets').call({ method: 'GET', path: '/v1/budgets', answer });
  return Number(items[0]?.confirmed ?? 0);
}

async function requestsInLakehouse(): Promise<number> {
  const now = Date.now();
  const query = { from: new Date(now - DAY_MS).toISOString(), to: new Date(now + DAY_MS).toISOString() };
  const answer = z.object({ requests: z.string() });
  const path = '/v1/lakehouse/totals';
  return Number((await client('databricks-sync').call({ method: 'GET', path, query, answer })).requests);
}

function client(service: string): ServiceClient {
  const baseUrl = readConnection(home)?.urls[service] ?? '';
  return new ServiceClient({ baseUrl, token: readFileSync(join(home, 'owner-token'), 'utf8').trim() });
}

/** Until every place has exactly so many requests. */
async function everywhere(requests: number, withinMs: number): Promise<void> {
  const places = async () => ({
    report: await requestsInReport(),
    audit: await requestsInAudit(),
    budget: (await tokensInBudget()) / TOKENS_PER_REQUEST,
    lakehouse: await requestsInLakehouse(),
  });
  await until(async () => Object.values(await places()).every((count) => count === requests), {
    timeoutMs: withinMs,
    intervalMs: 50,
    describe: `${requests} requests in every place`,
  }).catch(() => {});
  expect(await places()).toEqual({
    report: requests,
    audit: requests,
    budget: requests,
    lakehouse: requests,
  });
}

/** @returns how long it took, in milliseconds */
async function interrupt({ child }: Started): Promise<number> {
  const sinceMs = performance.now();
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  // As npm does, which passes on what the terminal has sent to all.
  child.kill('SIGINT');
  expect(await ended).toEqual([0, null]);
  return performance.now() - sinceMs;
}

function postgresPid(): number {
  return Number(readFileSync(join(home, 'postgres', 'server', 'postmaster.pid'), 'utf8').split('\n')[0]);
}

afterAll(async () => {
  for (const child of running) {
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    await ended;
  }
});

let tollgate: Started;
/** Requests that were answered in full, so far. */
let answered = 0;

beforeAll(async () => {
  tollgate = await start();
});

test('the printed line, pasted, answers; within two seconds it is in the trail, the report, the budget and the lakehouse', async () => {
  expect(JSON.parse(await paste(tollgate))).toMatchObject({ object: 'chat.completion' });
  await everywhere(answered, SEEN_WITHIN_MS);
});

test('the printed commands work as they are, where they are typed', async () => {
  const lines = [
    ...tollgate.printed().matchAll(/^ +\S.* tollgate ((?:report|audit|limits) .*?)(?: {3}.*)?$/gm),
  ];
  expect(lines.length).toBe(3);
  for (const [, args = ''] of lines) {
    const { stdout } = await run(process.execPath, [MAIN, ...args.split(' ')], {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '' },
    });
    expect(stdout).toMatch(/My team|tollgate\.(charge|usage|decision)\.v1|: 21 used, /);
  }
});

test('no key and no token is printed, and files that hold one are for their owner alone', () => {
  const secrets = ['demo-key', 'owner-token', 'bootstrap-token', 'gateway-token'];
  for (const name of secrets) {
    const file = join(home, name);
    expect(tollgate.printed()).not.toContain(readFileSync(file, 'utf8').trim());
    expect(statSync(file).mode & 0o777, name).toBe(0o600);
  }
  for (const name of KEPT_TO_OURSELVES) {
    expect(statSync(join(home, name)).mode & 0o777, name).toBe(0o600);
  }
});

test('a second one on the same folder says that and where the first one runs', async () => {
  const second = spawnStart();
  const [code] = await once(second.child, 'exit');
  expect(code).toBe(1);
  expect(second.printed()).toContain(`process ${tollgate.child.pid}`);
  expect(second.printed()).toContain(readConnection(home)?.urls['gateway'] ?? 'an address');
  expect(second.printed()).toContain('[already-running]');
});

test('Postgres is started again when it is killed, and nothing is lost', async () => {
  const before = postgresPid();
  process.kill(before, 'SIGKILL');
  await paste(tollgate);
  await until(() => postgresPid() !== before && tollgate.printed().includes('Postgres is back'), {
    timeoutMs: RECOVERED_WITHIN_MS,
    describe: () => `Postgres back: ${tollgate.printed()}`,
  });
  await pasteUntilAnswered(tollgate);
  await everywhere(answered, RECOVERED_WITHIN_MS);
});

test('Ctrl-C ends it in under five seconds, Postgres too; the next start finds everything', async () => {
  await pasteUntilAnswered(tollgate);
  const postgres = await identityOf(postgresPid());
  expect(await interrupt(tollgate)).toBeLessThan(STOPPED_WITHIN_MS);
  expect(postgres !== undefined && (await isAlive(postgres))).toBe(false);

  const key = readFileSync(join(home, 'demo-key'), 'utf8');
  tollgate = await start();
  expect(readFileSync(join(home, 'demo-key'), 'utf8')).toBe(key);
  await everywhere(answered, RECOVERED_WITHIN_MS);
});

test('after kill -9 the next start takes up what is left, its Postgres included', async () => {
  await pasteUntilAnswered(tollgate);
  const ended = once(tollgate.child, 'exit');
  tollgate.child.kill('SIGKILL');
  await ended;
  await expect(
    run(process.execPath, [MAIN, 'report', '--period', '2026-11'], { cwd: folder }),
  ).rejects.toThrow('not-running');

  tollgate = await start();
  await pasteUntilAnswered(tollgate);
  await everywhere(answered, RECOVERED_WITHIN_MS);
});

test('a service that does not start ends all with one line that says why', async () => {
  const other = temporaryFolder('start-fails');
  const child = spawn(process.execPath, [MAIN, 'start', '--free-ports', '--data-folder', other], {
    env: { PATH: process.env['PATH'] ?? '', NO_COLOR: '1', GATEWAY_MAX_IN_FLIGHT: 'many' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  child.stdout.on('data', (chunk) => (text += String(chunk)));
  const [code] = await once(child, 'exit');
  expect(text).toMatch(/^tollgate: GATEWAY_MAX_IN_FLIGHT: must be a whole number.* \[config\]$/m);
  expect(code).toBe(2);
});
