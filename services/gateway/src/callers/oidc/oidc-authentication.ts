import { hashCredential } from '@tollgate/http';
import type { Metrics } from '@tollgate/telemetry';
import type { Clock } from '../../clock.ts';
import type { Authenticate, Caller, Unauthenticated } from '../caller.ts';
import type { DirectoryUsers } from './directory-users.ts';
import type { Identity, IdentityProvider, TokenRefusal } from './identity-provider.ts';

/** A signed token in the compact form, whose three parts tell it from keys. */
const BEARER_JWT = /^Bearer +([\w-]{1,4096}\.[\w-]{1,8192}\.[\w-]{1,2048}) *$/i;

/** Tokens that are remembered; the oldest is forgotten first. */
const MAX_REMEMBERED = 10_000;

/** For how long at most, so that a key the provider has withdrawn counts no longer, in milliseconds. */
const MAX_REMEMBERED_MS = 600_000;

/** Tokens that are verified at once; of more, nothing is known. */
const MAX_PENDING = 256;

/** How long a caller waits for its token to be verified, in milliseconds. */
const DEADLINE_MS = 5000;

const REFUSED: Readonly<Record<TokenRefusal, Unauthenticated>> = {
  invalid: 'invalid_token',
  expired: 'expired_token',
  unavailable: 'identity_unavailable',
};

export interface OidcParts {
  readonly provider: Pick<IdentityProvider, 'verify'>;
  readonly users: DirectoryUsers;
  /** Whether the directory's state is complete and recent; otherwise a user that is not in it may well be there. */
  readonly isCurrent: () => boolean;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Replaced by tests. */
  readonly deadlineMs?: number;
}

/**
 * Lets people in by a token of the company's identity provider, beside keys. A token is verified when it is first seen, and
 * whoever shows it waits for that; from then on until it expires it is a hash and some look-ups.
 */
export class OidcAuthentication {
  readonly #parts: OidcParts;
  readonly #remembered = new Map<string, Identity>();
  readonly #pending = new Map<string, Promise<Caller | Unauthenticated>>();
  readonly #verifications;
  #isUnavailable = false;

  constructor(parts: OidcParts) {
    this.#parts = parts;
    this.#verifications = parts.metrics.counter({
      name: 'tollgate_gateway_oidc_verifications_total',
      help: 'Tokens of the identity provider that were verified, by outcome.',
      labels: ['outcome'],
    });
  }

  /** The authentication of keys with that of tokens beside it. */
  beside(keys: Authenticate): Authenticate {
    return (authorization, origin) => {
      const token = BEARER_JWT.exec(authorization ?? '')?.[1];
      return token === undefined ? keys(authorization, origin) : this.#authenticate(token);
    };
  }

  /** Why tokens that are not known yet can't be verified; null where they can, as far as is known. */
  warning(): string | null {
    return this.#isUnavailable
      ? "the identity provider's keys are not to be had: new tokens are refused"
      : null;
  }

  #authenticate(token: string): Caller | Unauthenticated | Promise<Caller | Unauthenticated> {
    const hash = hashCredential(token);
    const identity = this.#remembered.get(hash);
    if (identity !== undefined) {
      if (this.#parts.clock.now() < identity.untilMs) return this.#callerOf(identity);
      this.#remembered.delete(hash);
    }
    const pending = this.#pending.get(hash);
    if (pending !== undefined) return pending;
    if (this.#pending.size >= MAX_PENDING) return 'identity_unavailable';
    const verified = this.#verify(token, hash).finally(() => this.#pending.delete(hash));
    this.#pending.set(hash, verified);
    return verified;
  }

  async #verify(token: string, hash: string): Promise<Caller | Unauthenticated> {
    const { provider, deadlineMs = DEADLINE_MS } = this.#parts;
    const late = Promise.withResolvers<TokenRefusal>();
    const timer = setTimeout(() => late.resolve('unavailable'), deadlineMs);
    const outcome = await Promise.race([provider.verify(token), late.promise]);
    clearTimeout(timer);
    this.#isUnavailable = outcome === 'unavailable';
    this.#verifications.inc({ outcome: typeof outcome === 'string' ? outcome : 'verified' });
    if (typeof outcome === 'string') return REFUSED[outcome];
    this.#remember(hash, outcome);
    return this.#callerOf(outcome);
  }

  #remember(hash: string, identity: Identity): void {
    const untilMs = Math.min(identity.untilMs, this.#parts.clock.now() + MAX_REMEMBERED_MS);
    if (this.#remembered.size >= MAX_REMEMBERED) {
      const [oldest] = this.#remembered.keys();
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    this.#remembered.set(hash, { ...identity, untilMs });
  }

  #callerOf({ subject, team }: Identity): Caller | Unauthenticated {
    const { users, isCurrent } = this.#parts;
    const caller = users.caller(subject, team);
    return typeof caller === 'string' && !isCurrent() ? 'directory_stale' : caller;
  }
}
