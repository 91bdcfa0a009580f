import { parsePolicyConfig } from '@tollgate/policy';
import { createLogger, createMetrics } from '@tollgate/telemetry';
import { createGateway, type Gateway, type GatewayOptions, type GatewayParts } from '../app.ts';
import type { Authenticate, Caller } from '../callers/caller.ts';
import type { RolesOf } from '../callers/caller-roles.ts';
import { NOTHING_TO_SAY } from '../catalog/catalogued.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { Policy, RequestChain } from '../policy/policy.ts';
import { requestChain } from '../policy/request-chain.ts';
import type { BreakerSettings } from '../routing/breaker.ts';
import { Route, type RouteParts } from '../routing/route.ts';
import { Routing, type RoutingParts } from '../routing/routing.ts';
import type { Target } from '../routing/target.ts';
import { TargetHealth } from '../routing/target-health.ts';
import { fixedCredential } from '../upstream/credentials/credential.ts';
import { createUpstream, type Upstream } from '../upstream/upstream.ts';
import { MemorySpool } from './memory-spool.ts';

export const TEST_KEY = 'tgk_test';
export const TEST_METRICS_TOKEN = 'tgs_test';

export const testCaller: Caller = {
  keyId: 'key_1',
  organisationId: 'org_1',
  teamId: 'team_1',
  projectId: 'project_1',
  costCentreId: 'cc_1',
  principalType: 'service',
  principalId: 'principal_1',
  tags: { product: 'chat' },
};

export const testOptions: GatewayOptions = {
  limits: {
    recordTimeoutMs: 5_000,
    firstByteTimeoutMs: 60_000,
    betweenChunksTimeoutMs: 60_000,
    callerStallTimeoutMs: 60_000,
    totalTimeoutMs: 600_000,
    maxRestMs: 60_000,
    maxAnswerBytes: 1024 * 1024,
  },
  maxBodyBytes: 1024 * 1024,
  maxInFlight: 1000,
  maxDirectoryAgeMs: 30_000,
};

/** A clock of which the monotonic side can be pushed ahead, and the other one be set. */
export class PushedClock implements Clock {
  aheadMs = 0;
  shiftMs = 0;
  now(): number {
    return systemClock.now() + this.shiftMs;
  }
  monotonic(): number {
    return systemClock.monotonic() + this.aheadMs;
  }
}

export const authenticateTestKey: Authenticate = (authorization) => {
  if (authorization === undefined) return 'missing_api_key';
  if (authorization === `Bearer ${TEST_KEY}-expired`) return 'expired_api_key';
  return authorization === `Bearer ${TEST_KEY}` ? testCaller : 'invalid_api_key';
};

export interface TestPolicyOptions {
  readonly baseUrl: string;
  readonly maxConnections?: number;
  readonly models?: readonly string[];
  readonly target?: Partial<Target>;
  readonly route?: TestRouteOptions;
  readonly policy?: Partial<Omit<Policy, 'routeFor'>>;
}

export const testBreaker: BreakerSettings = {
  windowMs: 10_000,
  minimumVolume: 20,
  failureRatio: 0.5,
  consecutiveFailures: 5,
  openMs: 5_000,
  maxOpenMs: 60_000,
};

export function testUpstream(baseUrl: string, maxConnections = 64): Upstream {
  const credential = fixedCredential('simulated-databricks');
  return createUpstream({ baseUrl, credential, maxConnections, connectTimeoutMs: 1_000 });
}

/** A target that works, as far as anybody knows. */
export function testTarget(upstream: Upstream, servedModel: string, more: Partial<Target> = {}): Target {
  return {
    id: `target-${servedModel}`,
    servedModel,
    task: null,
    servingMode: 'pay-per-token',
    region: null,
    invocationsPath: `/${servedModel}/invocations`,
    onlyInvocations: false,
    takesAttribution: true,
    durability: 'relaxed',
    totalTimeoutMs: null,
    upstream,
    health: new TargetHealth(testBreaker, systemClock.monotonic(), () => {}),
    probePath: null,
    catalogued: NOTHING_TO_SAY,
    ...more,
  };
}

export interface TestRouteOptions extends Partial<Omit<RouteParts, 'shares'>> {
  readonly weights?: readonly number[];
  readonly random?: () => number;
}

/** A route whose first target gets all traffic, unless weights are given. */
export function testRoute(
  targets: readonly Target[],
  { weights, random = Math.random, durability = null, defaultMaxOutputTokens = null }: TestRouteOptions = {},
): Route {
  const weightOf = (index: number) => weights?.[index] ?? Number(index === 0);
  const shares = targets.map((target, index) => ({ target, weight: weightOf(index) }));
  return new Route({ shares, durability, defaultMaxOutputTokens }, random);
}

/** What a policy works with that comes from a file. */
export function testRouting(parts: Partial<RoutingParts> = {}): Routing {
  return new Routing({
    breaker: testBreaker,
    probes: { intervalMs: 60_000, timeoutMs: 1_000 },
    random: Math.random,
    clock: systemClock,
    log: createLogger({ service: 'gateway', level: 'silent' }),
    metrics: createMetrics(),
    ...parts,
  });
}

/** Nothing of it is barred. */
export interface TestPolicy extends Policy {
  readonly upstream: Upstream;
  routeFor(model: string): Route | null;
}

/** A policy that sends every model of its list to one upstream. */
export function testPolicy(options: TestPolicyOptions): TestPolicy {
  const upstream = testUpstream(options.baseUrl, options.maxConnections);
  const models = options.models ?? ['databricks-meta-llama-3-3-70b-instruct', 'databricks-bge-large-en'];
  const routes = new Map<string, Route>(
    models.map((model) => [model, testRoute([testTarget(upstream, model, options.target)], options.route)]),
  );
  return {
    version: { name: 'test-pack', version: '1.0.0', digest: 'a'.repeat(64) },
    audited: true,
    logsAllAccess: false,
    retentionDays: 365,
    models,
    targets: [...routes.values()].flatMap(({ targets }) => targets),
    clearances: () => [],
    payloadsFor: () => null,
    payloads: 'none',
    chain: null,
    upstream,
    ...options.policy,
    routeFor: (model) => routes.get(model) ?? null,
  };
}

/** The chain that a file's `policies` and `policy` make, for callers with these roles. */
export function testChain(
  policies: { readonly chain: readonly string[]; readonly max_text_bytes?: number },
  policy: object = {},
  roles: readonly string[] | RolesOf = [],
): RequestChain | null {
  const pack = { name: 'test-pack', version: '1.0.0', enabled: true };
  const config = parsePolicyConfig(JSON.stringify({ pack, policies, policy }), { env: {} });
  return requestChain(config, typeof roles === 'function' ? roles : () => roles);
}

export interface GatewayUnderTest {
  readonly gateway: Gateway;
  readonly spool: MemorySpool;
  readonly clock: PushedClock;
  readonly url: string;
  close(): Promise<void>;
}

/** A gateway on a free port, with a spool in memory and one key. */
export async function startGatewayUnderTest(
  policy: Policy,
  parts: Partial<Omit<GatewayParts, 'spool' | 'clock'>> & {
    readonly spool?: MemorySpool;
    readonly clock?: PushedClock;
  } = {},
): Promise<GatewayUnderTest> {
  const spool = parts.spool ?? new MemorySpool();
  const clock = parts.clock ?? new PushedClock();
  const gateway = createGateway({
    options: testOptions,
    log: createLogger({ service: 'gateway', level: 'silent' }),
    metrics: createMetrics(),
    authenticate: authenticateTestKey,
    policy: () => policy,
    directoryAgeMs: () => 0,
    mayReadMetrics: (authorization) => authorization === `Bearer ${TEST_METRICS_TOKEN}`,
    ...parts,
    spool,
    clock,
  });
  const url = await gateway.listen('127.0.0.1', 0);
  return { gateway, spool, clock, url, close: () => gateway.close(1_000) };
}
