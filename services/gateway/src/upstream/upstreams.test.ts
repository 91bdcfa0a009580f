import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { seedCatalog } from '@tollgate/catalog';
import { ConfigError, type Environment } from '@tollgate/http';
import { parsePolicyConfig } from '@tollgate/policy';
import { createLogger, createMetrics } from '@tollgate/telemetry';
import { until } from '@tollgate/testing';
import type { Dispatcher } from 'undici';
import { expect, test } from 'vitest';
import { systemClock } from '../clock.ts';
import { configuredPolicy } from '../policy/configured-policy.ts';
import { testRouting } from '../testing/gateway-under-test.ts';
import { fixedCredential } from './credentials/credential.ts';
import { Credentials } from './credentials/credentials.ts';
import { createUpstream, type Upstream } from './upstream.ts';
import { Upstreams } from './upstreams.ts';

const BOUNDS = { maxConnections: 1, connectTimeoutMs: 1000 };
const DAYS_MS = 86_400_000;

const YAML = `
pack: { name: p, version: 1.2.3, enabled: true }
providers:
  targets:
    - { id: one, provider: 'databricks:chat:llama', base_url: 'https://w.example/serving-endpoints', secret_key_ref: { env: TOKEN } }
    - { id: two, provider: 'databricks:embeddings:bge', base_url: 'https://w.example/serving-endpoints', secret_key_ref: { env: TOKEN } }
    - { id: three, provider: openai-compatible, model: other, base_url: 'https://o.example/v1', secret_key_ref: { env: OTHER } }
policies: { chain: [audit-logger] }
policy: { audit-logger: { immutable: true, retention_days: 400 } }
`;

const config = parsePolicyConfig(YAML, { env: {} });
const ENV = { TOKEN: 'secret-a', OTHER: 'secret-b' };

function upstreamsWith(env: Environment): Upstreams {
  const credentials = new Credentials({
    env,
    clock: systemClock,
    log: createLogger({ service: 'gateway', level: 'silent' }),
    metrics: createMetrics(),
    maxAgeMs: 90 * DAYS_MS,
  });
  return new Upstreams(credentials, BOUNDS);
}

test('targets of one address and credential share their connections', () => {
  const { byTarget } = upstreamsWith(ENV).prepare(config);
  expect(byTarget.get('one')).toBe(byTarget.get('two'));
  expect(byTarget.get('one')).not.toBe(byTarget.get('three'));
});

test('what a new configuration shares with the one before keeps its connections', () => {
  const upstreams = upstreamsWith(ENV);
  const first = upstreams.prepare(config);
  first.commit();
  const edited = YAML.replace('https://o.example/v1', 'https://p.example/v1');
  const second = upstreams.prepare(parsePolicyConfig(edited, { env: {} }));
  second.commit();
  expect(second.byTarget.get('one')).toBe(first.byTarget.get('one'));
  expect(second.byTarget.get('three')).not.toBe(first.byTarget.get('three'));
});

test('the policy of a file tells what calls need to know', () => {
  const { byTarget } = upstreamsWith(ENV).prepare(config);
  const policy = configuredPolicy({ config, catalog: seedCatalog() }, byTarget, () => [], testRouting());
  expect(policy).toMatchObject({ audited: true, retentionDays: 400, models: ['llama', 'bge', 'other'] });
  expect(policy.version).toMatchObject({ name: 'p', version: '1.2.3' });
  expect(policy.routeFor('llama', 0)).toMatchObject({
    targets: [
      {
        task: 'chat',
        takesAttribution: true,
        durability: 'disk',
      },
    ],
  });
  expect(policy.routeFor('other', 0)).toMatchObject({ targets: [{ task: null, takesAttribution: false }] });
  expect(policy.routeFor('none', 0)).toBeNull();
});

test('a missing credential stops the start and names its variable and target', () => {
  const missing = () => upstreamsWith({ TOKEN: 'a' }).prepare(config);
  expect(missing).toThrow(ConfigError);
  expect(missing).toThrow(/^OTHER: is not set, and target three needs it/);
});

/** A server that answers when it is told to, and says how many connections it has. */
async function slowServer() {
  const waiting: ServerResponse[] = [];
  const server = createServer((req, res) => {
    req.resume();
    waiting.push(res);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  let open = 0;
  server.on('connection', (socket) => {
    open += 1;
    socket.on('close', () => {
      open -= 1;
    });
  });
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    waiting,
    open: () => open,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function send(upstream: Upstream): Promise<number> {
  return new Promise((resolve, reject) => {
    let status = 0;
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {},
      onResponseData() {},
      onResponseStart: (_controller, code) => {
        status = code;
      },
      onResponseEnd: () => resolve(status),
      onResponseError: (_controller, error) => reject(error),
    };
    upstream.dispatch('/x', Buffer.from('{}'), handler);
  });
}

test('an upstream that is closed lets its calls end, serves those that come late, and then leaves no connection', async () => {
  const server = await slowServer();
  const upstream = createUpstream({ ...BOUNDS, baseUrl: server.baseUrl, credential: fixedCredential('t') });
  try {
    const running = send(upstream);
    const queued = send(upstream);
    await until(() => server.waiting.length === 1, { timeoutMs: 5000 });
    const closed = upstream.close();
    const late = send(upstream);
    await until(() => server.waiting.length === 2, { timeoutMs: 5000 });
    for (const res of server.waiting.splice(0)) res.end('{}');
    await until(() => server.waiting.length === 1, { timeoutMs: 5000 });
    for (const res of server.waiting.splice(0)) res.end('{}');
    expect(await Promise.all([running, queued, late])).toEqual([200, 200, 200]);
    await closed;
    await until(() => server.open() === 0, { timeoutMs: 5000 });
  } finally {
    server.close();
  }
});
