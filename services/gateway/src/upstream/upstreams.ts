import type { Environment } from '@tollgate/http';
import type { PolicyConfig } from '@tollgate/policy';
import { upstreamSecret } from './secrets.ts';
import { createUpstream, type Upstream } from './upstream.ts';

export interface UpstreamBounds {
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
}

/**
 * A pool of connections for each pair of address and credential among the targets, by target id.
 *
 * @throws ConfigError where a credential is missing
 */
export function upstreamsOf(
  config: PolicyConfig,
  env: Environment,
  bounds: UpstreamBounds,
): ReadonlyMap<string, Upstream> {
  const shared = new Map<string, Upstream>();
  const byTarget = new Map<string, Upstream>();
  for (const target of config.targets) {
    const variable = target.secretKeyRef?.env ?? null;
    const key = `${target.baseUrl} ${variable}`;
    let upstream = shared.get(key);
    if (upstream === undefined) {
      const token = variable === null ? null : upstreamSecret(env, variable, target.id);
      upstream = createUpstream({ baseUrl: target.baseUrl, token, ...bounds });
      shared.set(key, upstream);
    }
    byTarget.set(target.id, upstream);
  }
  return byTarget;
}
