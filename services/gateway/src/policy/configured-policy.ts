import type { RouteClearance } from '@tollgate/catalog';
import { ConfigError } from '@tollgate/http';
import type { Target as ConfiguredTarget, PayloadCapture, PolicyConfig } from '@tollgate/policy';
import type { RolesOf } from '../callers/caller-roles.ts';
import { BarredRoute } from '../catalog/barred-route.ts';
import { cataloguedAs, NOTHING_TO_SAY } from '../catalog/catalogued.ts';
import { Clearances } from '../catalog/clearances.ts';
import { probePath } from '../routing/probe-path.ts';
import { Route, type Share } from '../routing/route.ts';
import type { Routing } from '../routing/routing.ts';
import type { Target } from '../routing/target.ts';
import type { TargetHealths } from '../routing/target-healths.ts';
import { invocationsPath, isInvocationsUrl } from '../upstream/paths.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Policy } from './policy.ts';
import type { ReadPolicy } from './read-policy.ts';
import { requestChain } from './request-chain.ts';
import { type Judge, type SafetyTallies, safetyJudge } from './safety-judge.ts';

/**
 * A loaded policy-config.yaml as the hot path asks it. Request, decision and usage are recorded whatever it says;
 * `audit-logger` sets how long they are kept, and whether a call that can't be recorded is refused.
 *
 * @param read the configuration, and the catalogue that it is held to
 * @param upstreams by target id
 * @param rolesOf asked only where the chain holds `rbac`
 * @param safety told of what the safety filter's judge says
 * @throws ConfigError where that judge is no target of the file
 */
export function configuredPolicy(
  { config, catalog }: Pick<ReadPolicy, 'config' | 'catalog'>,
  upstreams: ReadonlyMap<string, Upstream>,
  rolesOf: RolesOf,
  { healths, random }: Pick<Routing, 'healths' | 'random'>,
  safety: SafetyTallies | null = null,
): Policy {
  const targets = new Map<ConfiguredTarget, Target>();
  for (const target of config.targets) {
    const upstream = upstreams.get(target.id);
    if (upstream !== undefined) targets.set(target, callTarget(target, upstream, healths));
  }
  const clearances = new Clearances(config, catalog, (clearance) => {
    if (clearance.refusal !== null) return new BarredRoute(clearance, clearance.refusal);
    const shares = sharesOf(clearance, targets);
    if (!shares.some(({ weight }) => weight > 0)) return null;
    const { durability, defaultMaxOutputTokens } = clearance.route;
    return new Route({ shares, durability, defaultMaxOutputTokens }, random);
  });
  const captures = capturesOf(config);
  const { pack, digest, auditLogger } = config;
  return {
    version: { name: pack.name, version: pack.version, digest },
    audited: auditLogger?.immutable ?? false,
    logsAllAccess: auditLogger?.logAllAccess ?? false,
    retentionDays: auditLogger?.retentionDays ?? null,
    models: config.routes.map(({ model }) => model),
    targets: [...targets.values()],
    chain: requestChain(config, rolesOf, judgeOf(config, upstreams, safety)),
    routeFor: (model, atMs) => clearances.of(model, atMs),
    clearances: (atMs) => clearances.all(atMs),
    payloadsFor: (model) => captures.get(model) ?? null,
    payloads: strictest(captures),
  };
}

/** Whom the safety filter asks; null where there is none. */
function judgeOf(
  { policies, targets }: PolicyConfig,
  upstreams: ReadonlyMap<string, Upstream>,
  tallies: SafetyTallies | null,
): Judge | null {
  const settings = policies.safetyFilter;
  if (settings === null) return null;
  const target = targets.find(({ id }) => id === settings.target);
  const upstream = upstreams.get(settings.target);
  if (target === undefined || upstream === undefined) {
    throw new ConfigError(
      '--policy-config',
      `policy.safety-filter.target: no target is called ${settings.target}`,
    );
  }
  return safetyJudge(settings, { id: target.id, model: target.provider.model, upstream }, tallies);
}

/** The targets that may be called, each with what the catalogue says of it. */
function sharesOf({ cleared }: RouteClearance, targets: ReadonlyMap<ConfiguredTarget, Target>): Share[] {
  return cleared.flatMap(({ target: configured, weight, assessment }) => {
    const target = targets.get(configured);
    if (target === undefined) return [];
    const catalogued = cataloguedAs(assessment, target.servedModel);
    return [{ target: catalogued === NOTHING_TO_SAY ? target : { ...target, catalogued }, weight }];
  });
}

/** By model, of the routes that keep bodies. */
function capturesOf({ routes }: PolicyConfig): ReadonlyMap<string, PayloadCapture> {
  return new Map(
    routes.filter(({ payloads }) => payloads.mode !== 'none').map(({ model, payloads }) => [model, payloads]),
  );
}

function strictest(captures: ReadonlyMap<string, PayloadCapture>): Policy['payloads'] {
  const modes = new Set([...captures.values()].map(({ mode }) => mode));
  return modes.has('required') ? 'required' : modes.has('best-effort') ? 'best-effort' : 'none';
}

function callTarget(target: ConfiguredTarget, upstream: Upstream, healths: TargetHealths): Target {
  const { id, baseUrl, provider } = target;
  const isDatabricks = provider.kind === 'databricks';
  return {
    id,
    servedModel: provider.model,
    task: provider.task,
    servingMode: target.servingMode,
    region: target.region,
    invocationsPath: invocationsPath(baseUrl, isDatabricks, provider.model),
    onlyInvocations: isInvocationsUrl(baseUrl),
    takesAttribution: isDatabricks,
    durability: target.durability,
    totalTimeoutMs: target.timeoutMs,
    upstream,
    health: healths.of({ id, baseUrl, model: provider.model }),
    probePath: target.healthProbe ? probePath(baseUrl, isDatabricks, provider.model) : null,
    catalogued: NOTHING_TO_SAY,
  };
}
