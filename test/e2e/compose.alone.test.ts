import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort, lackOfContainers, startedOnce, until } from '@tollgate/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';

/** docker-compose.yml as somebody who operates it sees it: image, start, first request, restarts, kills, end. */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROJECT = `tollgate-test-${randomBytes(3).toString('hex')}`;
const COMPOSE = ['compose', '--project-directory', ROOT, '--project-name', PROJECT, '--profile', 'simulated'];
const DOWN = [...COMPOSE, 'down', '--volumes', '--timeout', '5'] as const;
const START_TIMEOUT_MS = 900_000;
const TEST_TIMEOUT_MS = 300_000;
const KNOWN_TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const MODEL = 'databricks-meta-llama-3-3-70b-instruct';
/** What Docker calls an end by SIGTERM that a process did not answer, or by SIGKILL. */
const NOT_IN_ORDER = [143, 137];

const run = promisify(execFile);
const environment: NodeJS.ProcessEnv = { ...process.env, TOLLGATE_IMAGE: 'tollgate-test' };

async function docker(...args: string[]): Promise<string> {
  const { stdout } = await run('docker', args, { env: environment, maxBuffer: MAX_OUTPUT_BYTES });
  return stdout.trim();
}

const compose = (...args: string[]) => docker(...COMPOSE, ...args);

/** The command line in a container, as the role platform or with a token. */
function tollgate(args: readonly string[], token?: string): Promise<string> {
  const as = token === undefined ? [] : ['-e', 'TOLLGATE_TOKEN_FILE=', '-e', `TOLLGATE_TOKEN=${token}`];
  return compose('run', '--rm', '-T', ...as, 'cli', ...args);
}

const container = z.object({
  Service: z.string(),
  State: z.string(),
  Health: z.string(),
  ExitCode: z.int(),
});

async function containers() {
  const lines = (await compose('ps', '--all', '--format', 'json')).split('\n').filter(Boolean);
  return lines.map((line) => container.parse(JSON.parse(line)));
}

async function lacking(): Promise<string | undefined> {
  const inCompose = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8').matchAll(/^ {4}image: (\S+)$/gm);
  const base = /^ARG NODE_IMAGE=(\S+)$/m.exec(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'))?.[1] ?? '';
  const reason = await lackOfContainers([base, ...[...inCompose].flatMap(([, image]) => image ?? [])]);
  if (reason !== undefined) return `no containers: ${reason}`;
  try {
    await docker('compose', 'version');
    return undefined;
  } catch {
    return 'no containers: there is no docker compose';
  }
}

const lack = await lacking();

let gateways: readonly string[] = [];
let team = '';
let key = '';
let finance = '';
let security = '';
/** Answers that clients have had in full. */
let answered = 0;

beforeEach((context) => context.skip(lack !== undefined, lack));

beforeAll(async () => {
  if (lack !== undefined) return;
  const ports = await startedOnce({
    name: PROJECT,
    timeoutMs: START_TIMEOUT_MS,
    async start({ endAtTeardown }) {
      await endAtTeardown({ kind: 'command', command: ['docker', ...DOWN] });
      return [await freePort(), await freePort()];
    },
    parse: (value) => z.array(z.int()).parse(value),
  });
  gateways = ports.map((port) => `http://127.0.0.1:${port}`);
  ports.forEach((port, index) => {
    environment[`GATEWAY_${index + 1}_PUBLISH`] = `127.0.0.1:${port}`;
  });
  await compose('up', '--detach', '--build', '--wait');
}, START_TIMEOUT_MS);

afterAll(async () => {
  if (lack === undefined) await docker(...DOWN);
}, TEST_TIMEOUT_MS);

async function ask(gateway: string | undefined): Promise<number> {
  const response = await fetch(`${gateway}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'Why is the sky blue?' }] }),
  });
  await response.arrayBuffer();
  if (response.status === 200) answered += 1;
  return response.status;
}

const report = z.object({ rows: z.array(z.object({ team: z.string(), requests: z.int() })) });

async function reported(): Promise<number> {
  const period = new Date().toISOString().slice(0, 'YYYY-MM'.length);
  const text = await tollgate(['report', '--period', period, '--json'], finance);
  return report.parse(JSON.parse(text)).rows.find((row) => row.team === team)?.requests ?? 0;
}

/** Usage events of the team in the trail. */
async function inTrail(): Promise<number> {
  const args = ['audit', 'search', '--team', team, '--type', 'tollgate.usage.v1', '--limit', '500', '--json'];
  return (await tollgate(args, security)).split('\n').filter(Boolean).length;
}

/** Asked within its own container: its API is not published. */
async function inLakehouse(): Promise<number> {
  const hour = 3_600_000;
  const from = new Date(Date.now() - hour).toISOString();
  const to = new Date(Date.now() + hour).toISOString();
  const text = await compose(
    'exec',
    '-T',
    '-e',
    `TOKEN=${finance}`,
    'databricks-sync',
    'node',
    '-e',
    `fetch('http://127.0.0.1:41014/v1/lakehouse/totals?from=${from}&to=${to}&team=${team}',
      { headers: { authorization: 'Bearer ' + process.env.TOKEN } })
      .then((answer) => answer.text()).then((text) => process.stdout.write(text))`,
  );
  return z.object({ requests: z.coerce.number() }).parse(JSON.parse(text)).requests;
}

async function equalEverywhere(): Promise<void> {
  for (const [place, count] of Object.entries({ reported, inTrail, inLakehouse })) {
    let last = -1;
    await until(
      async () => {
        last = await count();
        return last >= answered;
      },
      { timeoutMs: KNOWN_TIMEOUT_MS, intervalMs: 500, describe: () => `${place}: ${last} of ${answered}` },
    );
    expect([place, await count()]).toEqual([place, answered]);
  }
}

describe('docker compose', { timeout: TEST_TIMEOUT_MS }, () => {
  test('brings every service up healthy, after what runs once has ended well', async () => {
    const found = await containers();
    const once = found.filter(({ State }) => State === 'exited');
    expect(once.map(({ Service, ExitCode }) => `${Service} ${ExitCode}`).toSorted()).toEqual([
      'database 0',
      'secrets 0',
      'tokens 0',
      'topics 0',
    ]);
    const others = found.filter((one) => !once.includes(one));
    expect(others.length).toBe(10);
    for (const { Service, State, Health } of others)
      expect([Service, State, Health]).toEqual([Service, 'running', 'healthy']);
  });

  test('a key made by the command line opens both gateways; the requests stand in every place', async () => {
    const organisation = (await tollgate(['org', 'create', '--name', 'Acme', '--currency', 'EUR'])).split(
      '\t',
    )[0];
    team =
      (await tollgate(['team', 'create', '--org', organisation ?? '', '--name', 'Search'])).split('\t')[0] ??
      '';
    key = (await tollgate(['key', 'create', '--team', team, '--name', 'first'])).split('\n').at(-1) ?? '';
    const token = async (role: string) => {
      const made = ['token', 'create', '--principal-type', 'service', '--principal', role, '--name', role];
      return (await tollgate([...made, '--role', role])).split('\n').at(-1) ?? '';
    };
    finance = await token('finance');
    security = await token('security');
    for (const gateway of gateways) {
      await until(async () => (await ask(gateway)) === 200, { timeoutMs: KNOWN_TIMEOUT_MS });
    }
    expect(answered).toBe(gateways.length);
    await equalEverywhere();
  });

  test('a gateway restarted, one killed, and services killed meanwhile: nothing is lost, nothing twice', async () => {
    const [first, second] = gateways;
    await compose('kill', '--signal', 'SIGKILL', 'audit', 'chargeback', 'databricks-sync', 'directory');
    for (let n = 0; n < 10; n += 1) await Promise.all([ask(first), ask(second)]);
    await compose('kill', '--signal', 'SIGKILL', 'gateway-2');
    await compose('restart', 'gateway-1');
    await compose('up', '--detach', '--wait');
    for (let n = 0; n < 5; n += 1) expect(await Promise.all([ask(first), ask(second)])).toEqual([200, 200]);
    expect(answered).toBeGreaterThan(20);
    await equalEverywhere();
  });

  test('no container runs as root or writes beside its volumes, and nothing tells a secret', async () => {
    for (const service of ['gateway-1', 'directory', 'databricks-sync']) {
      const script = 'id -u; touch /tollgate/x 2>/dev/null || touch /x 2>/dev/null || echo read-only';
      expect(await compose('exec', '-T', service, 'sh', '-c', script)).toBe('41000\nread-only');
    }
    const url = await compose('exec', '-T', 'directory', 'cat', '/run/secrets/database-url');
    const password = new URL(url).password;
    expect(password.length).toBeGreaterThan(20);
    const ids = (await compose('ps', '--all', '--quiet')).split('\n');
    const told = [await compose('logs', '--no-color'), await docker('inspect', ...ids)].join('\n');
    for (const secret of [password, key, finance, security]) expect(told).not.toContain(secret);
  });

  test('told to stop, every service ends in order; started again, it finds its data', async () => {
    await compose('stop');
    for (const { Service, ExitCode } of await containers())
      expect([Service, NOT_IN_ORDER.includes(ExitCode)]).toEqual([
        Service,
        Service === 'kafka' && ExitCode === 143,
      ]);
    await compose('up', '--detach', '--wait');
    expect(await ask(gateways[0])).toBe(200);
    await equalEverywhere();
  });
});
