import { type Target as ConfiguredTarget, type PolicyConfig, targetFor } from '@tollgate/policy';
import type { RolesOf } from '../callers/caller-roles.ts';
import { invocationsPath, isInvocationsUrl } from '../upstream/paths.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Policy, Target } from './policy.ts';
import { requestChain } from './request-chain.ts';

/**
 * A loaded policy-config.yaml as the hot path asks it. Request, decision and usage are recorded whatever it says;
 * `audit-logger` sets how long they are kept, and whether a call that can't be recorded is refused.
 *
 * @param upstreams by target id
 * @param rolesOf asked only where the chain holds `rbac`
 */
export function configuredPolicy(
  config: PolicyConfig,
  upstreams: ReadonlyMap<string, Upstream>,
  rolesOf: RolesOf,
): Policy {
  const targets = new Map<ConfiguredTarget, Target>();
  for (const target of config.targets) {
    const upstream = upstreams.get(target.id);
    if (upstream !== undefined) targets.set(target, callTarget(target, upstream));
  }
  const { pack, digest, auditLogger } = config;
  return {
    version: { name: pack.name, version: pack.version, digest },
    audited: auditLogger?.immutable ?? false,
    retentionDays: auditLogger?.retentionDays ?? null,
    models: config.targets.map(({ provider }) => provider.model),
    chain: requestChain(config, rolesOf),
    targetFor(model) {
      const target = targetFor(config, model);
      return target === null ? null : (targets.get(target) ?? null);
    },
  };
}

function callTarget(target: ConfiguredTarget, upstream: Upstream): Target {
  const isDatabricks = target.provider.kind === 'databricks';
  return {
    id: target.id,
    servedModel: target.provider.model,
    task: target.provider.task,
    servingMode: target.servingMode,
    region: target.region,
    invocationsPath: invocationsPath(target.baseUrl, isDatabricks, target.provider.model),
    onlyInvocations: isInvocationsUrl(target.baseUrl),
    takesAttribution: isDatabricks,
    durability: target.durability,
    totalTimeoutMs: target.timeoutMs,
    upstream,
  };
}
