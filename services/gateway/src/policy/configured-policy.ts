import { ConfigError } from '@tollgate/http';
import type { Target as ConfiguredTarget, PolicyConfig } from '@tollgate/policy';
import type { RolesOf } from '../callers/caller-roles.ts';
import { probePath } from '../routing/probe-path.ts';
import { Route } from '../routing/route.ts';
import type { Routing } from '../routing/routing.ts';
import type { TargetHealths } from '../routing/target-healths.ts';
import { invocationsPath, isInvocationsUrl } from '../upstream/paths.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Policy, Target } from './policy.ts';
import { requestChain } from './request-chain.ts';
import { type Judge, type SafetyTallies, safetyJudge } from './safety-judge.ts';

/**
 * A loaded policy-config.yaml as the hot path asks it. Request, decision and usage are recorded whatever it says;
 * `audit-logger` sets how long they are kept, and whether a call that can't be recorded is refused.
 *
 * @param upstreams by target id
 * @param rolesOf asked only where the chain holds `rbac`
 * @param safety told of what the safety filter's judge says
 * @throws ConfigError where that judge is no target of the file
 */
export function configuredPolicy(
  config: PolicyConfig,
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
  const routes = new Map<string, Route>();
  for (const { model, targets: configured, durability, defaultMaxOutputTokens } of config.routes) {
    const shares = configured.flatMap(({ target, weight }) => {
      const known = targets.get(target);
      return known === undefined ? [] : [{ target: known, weight }];
    });
    if (!shares.some(({ weight }) => weight > 0)) continue;
    routes.set(model, new Route({ shares, durability, defaultMaxOutputTokens }, random));
  }
  const { pack, digest, auditLogger } = config;
  return {
    version: { name: pack.name, version: pack.version, digest },
    audited: auditLogger?.immutable ?? false,
    retentionDays: auditLogger?.retentionDays ?? null,
    models: [...routes.keys()],
    targets: [...targets.values()],
    chain: requestChain(config, rolesOf, judgeOf(config, upstreams, safety)),
    routeFor: (model) => routes.get(model) ?? null,
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
  };
}
