import type { PolicyConfig, Target } from '@tollgate/policy';
import type { Credential } from './credentials/credential.ts';
import { createUpstream, type Upstream } from './upstream.ts';

export interface UpstreamBounds {
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
}

/** Finds the credential of a target, and the name under which targets share it. */
export interface CredentialsOfTargets {
  /** @throws ConfigError where it is missing */
  of(target: Target): { readonly key: string; readonly credential: Credential };
  /** Told which credentials are in use from now on; the others are let go of. */
  keep(keys: ReadonlySet<string>): void;
}

/** The connections of a configuration that is not in force yet. */
export interface PreparedUpstreams {
  readonly byTarget: ReadonlyMap<string, Upstream>;
  /** The configuration is in force: closes what only the one before used, once its last call has ended. */
  commit(): void;
  /** It will not be: closes what was made for it. */
  abandon(): void;
}

interface Shared {
  readonly upstream: Upstream;
  readonly credentialKey: string;
}

/**
 * A pool of connections for each pair of address and credential among the targets. Pools outlive changes of the configuration:
 * what is unchanged keeps its connections.
 */
export class Upstreams {
  readonly #bounds: UpstreamBounds;
  readonly #credentials: CredentialsOfTargets;
  #inUse: ReadonlyMap<string, Shared> = new Map();
  readonly #closing = new Set<Promise<void>>();

  constructor(credentials: CredentialsOfTargets, bounds: UpstreamBounds) {
    this.#credentials = credentials;
    this.#bounds = bounds;
  }

  /** @throws ConfigError where a credential is missing */
  prepare(config: PolicyConfig): PreparedUpstreams {
    const shared = new Map<string, Shared>();
    const byTarget = new Map<string, Upstream>();
    const made: Upstream[] = [];
    const abandon = (): void => {
      for (const upstream of made) this.#close(upstream);
      this.#keepCredentials();
    };
    try {
      for (const target of config.targets) {
        const { key: credentialKey, credential } = this.#credentials.of(target);
        const key = `${target.baseUrl} ${credentialKey}`;
        let known = shared.get(key) ?? this.#inUse.get(key);
        if (known === undefined) {
          const upstream = createUpstream({ baseUrl: target.baseUrl, credential, ...this.#bounds });
          made.push(upstream);
          known = { upstream, credentialKey };
        }
        shared.set(key, known);
        byTarget.set(target.id, known.upstream);
      }
    } catch (error) {
      abandon();
      throw error;
    }
    return { byTarget, commit: () => this.#commit(shared), abandon };
  }

  /** Closes everything, once the calls in flight have ended. */
  async close(): Promise<void> {
    this.#commit(new Map());
    await Promise.all(this.#closing);
  }

  #commit(next: ReadonlyMap<string, Shared>): void {
    const before = this.#inUse;
    this.#inUse = next;
    for (const [key, { upstream }] of before) if (!next.has(key)) this.#close(upstream);
    this.#keepCredentials();
  }

  #keepCredentials(): void {
    this.#credentials.keep(new Set([...this.#inUse.values()].map(({ credentialKey }) => credentialKey)));
  }

  #close(upstream: Upstream): void {
    const closed = upstream.close().finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}
