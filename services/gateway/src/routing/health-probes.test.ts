import { seedCatalog } from '@tollgate/catalog';
import { parsePolicyConfig } from '@tollgate/policy';
import {
  createSimulatedDatabricks,
  type SimulatedDatabricks,
  type StateAnswer,
} from '@tollgate/simulated-databricks';
import { createMetrics, type Metrics } from '@tollgate/telemetry';
import { until as untilWithin } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configuredPolicy } from '../policy/configured-policy.ts';
import { PushedClock, testRouting, testUpstream } from '../testing/gateway-under-test.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { sightOf } from './probe.ts';
import { probePath } from './probe-path.ts';
import type { Routing } from './routing.ts';
import type { Target } from './target.ts';

const MODEL = 'databricks-meta-llama-3-3-70b-instruct';
const until = (condition: () => boolean | Promise<boolean>) => untilWithin(condition, { timeoutMs: 5_000 });

describe('what is asked for', () => {
  test.each([
    ['https://w.example/serving-endpoints', true, '/api/2.0/serving-endpoints/m%2F1'],
    ['https://w.example/serving-endpoints/m/invocations', true, '/api/2.0/serving-endpoints/m%2F1'],
    ['https://proxy.example/w1/serving-endpoints/', true, '/w1/api/2.0/serving-endpoints/m%2F1'],
    ['https://o.example/v1', false, '/v1/models'],
    ['https://o.example', false, '/models'],
    ['https://o.example/v1', true, '/v1/models'],
    ['https://o.example/x/invocations', false, null],
  ])('of %s (Databricks: %s) is %s', (baseUrl, isDatabricks, path) => {
    expect(probePath(baseUrl, isDatabricks, 'm/1')).toBe(path);
  });
});

test.each([
  [200, '{"state":{"ready":"READY"}}', 'healthy'],
  [200, '{"state":{"ready":"NOT_READY"}}', 'unhealthy'],
  [200, '{"state":{"ready":"SOMETHING_ELSE"}}', 'unknown'],
  [200, '{"object":"list","data":[]}', 'healthy'],
  [200, 'no JSON', 'healthy'],
  [403, '{}', 'unknown'],
  [404, '{}', 'unknown'],
  [429, '{}', 'unknown'],
  [503, '{}', 'down'],
] as const)('an answer of %s %s is %s', (status, text, sight) => {
  expect(sightOf({ status, text })).toBe(sight);
});

describe('a target that asks for probes', () => {
  let workspace: SimulatedDatabricks;
  let upstream: Upstream;
  let routing: Routing;
  let target: Target;
  let metrics: Metrics;
  const clock = new PushedClock();

  beforeEach(async () => {
    metrics = createMetrics();
    workspace = createSimulatedDatabricks();
    const url = await workspace.listen();
    upstream = testUpstream(`${url}/serving-endpoints`);
    routing = testRouting({ probes: { intervalMs: 20, timeoutMs: 200 }, random: () => 0.5, metrics, clock });
    const probed = {
      id: 'llama',
      provider: `databricks:chat:${MODEL}`,
      base_url: `${url}/serving-endpoints`,
      secret_key_ref: { env: 'T' },
      health_probe: true,
    };
    const config = parsePolicyConfig(
      JSON.stringify({
        pack: { name: 'p', version: '1', enabled: true },
        providers: { targets: [probed, { ...probed, id: 'other', health_probe: false }] },
        policies: { chain: [] },
      }),
      { env: {} },
    );
    const upstreams = new Map(config.targets.map(({ id }) => [id, upstream]));
    const policy = configuredPolicy({ config, catalog: seedCatalog() }, upstreams, () => [], routing);
    const [first] = policy.targets;
    if (first === undefined) throw new Error('no target');
    target = first;
    routing.inForce(policy.targets);
  });
  afterEach(async () => {
    await routing.stop();
    await upstream.close();
    await workspace.close();
  });

  const probes = async (more: number) => {
    const before = workspace.statesAsked();
    await until(() => workspace.statesAsked() >= before + more);
  };

  test('is left alone while it says that it is not ready, and tried once it is', async () => {
    await probes(2);
    expect(target.health.state).toBe('closed');
    workspace.setEndpointState(MODEL, 'NOT_READY');
    await until(() => target.health.state === 'open');
    expect(target.health.available(clock.monotonic())).toBe(false);
    await probes(2);
    expect(target.health.enter(clock.monotonic())).toBe('no');
    workspace.setEndpointState(MODEL, 'READY');
    await until(() => target.health.available(clock.monotonic()));
    expect(target.health.enter(clock.monotonic())).toBe('trial');
    expect(workspace.stats().requests).toBe(0);
  });

  test.each<[StateAnswer]>([['never'], ['reset'], ['internal-error']])(
    'is left alone while its state is answered by: %s',
    async (answer) => {
      workspace.setStateAnswer(answer);
      await until(() => target.health.state === 'open');
      workspace.setStateAnswer('usual');
      await until(() => target.health.available(clock.monotonic()));
    },
  );

  test('is not left alone because its state may not be looked at', async () => {
    workspace.setStateAnswer('permission-denied');
    await probes(4);
    expect(target.health.state).toBe('closed');
  });

  test('shows in the metrics', async () => {
    workspace.setEndpointState(MODEL, 'NOT_READY');
    await until(() => target.health.state === 'open');
    const text = await metrics.text();
    expect(text).toContain('tollgate_gateway_target_breaker_state{target="llama"} 2');
    expect(text).toContain('tollgate_gateway_target_breaker_state{target="other"} 0');
    expect(text).toMatch(/tollgate_gateway_target_wait_seconds\{target="llama"\} 0\.\d+/);
    target.health.judge('failure', false, clock.monotonic());
    expect(await metrics.text()).toContain(
      'tollgate_gateway_target_attempts_total{target="llama",verdict="failure"} 1',
    );
  });

  test('is not looked at any more once no policy in force asks for it', async () => {
    const looks = async (id: string) => {
      const line = new RegExp(
        `tollgate_gateway_target_probes_total\\{target="${id}",sight="healthy"\\} (\\d+)`,
      );
      return Number((await metrics.text()).match(line)?.[1] ?? 0);
    };
    await until(async () => (await looks('llama')) > 0);
    routing.inForce([{ ...target, id: 'another' }]);
    const before = await looks('llama');
    await until(async () => (await looks('another')) > 3);
    // One may have been on its way.
    expect(await looks('llama')).toBeLessThanOrEqual(before + 1);
  });
});
