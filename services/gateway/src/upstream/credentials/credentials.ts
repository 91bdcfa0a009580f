import type { Environment } from '@tollgate/http';
import type { OAuthRef, Target } from '@tollgate/policy';
import type { Logger, Metrics } from '@tollgate/telemetry';
import type { Clock } from '../../clock.ts';
import type { CredentialsOfTargets } from '../upstreams.ts';
import { type Credential, NO_CREDENTIAL } from './credential.ts';
import { fetchToken, type TokenOutcome } from './fetch-token.ts';
import { type OAuthParts, OAuthToken } from './oauth-token.ts';
import { Secret } from './secret.ts';
import { StoredToken } from './stored-token.ts';

/** How often files are looked at, in milliseconds; a new secret is taken up at the second look that finds it. */
export const LOOK_INTERVAL_MS = 2000;

/** How often the log repeats that a credential is too old, in milliseconds. */
const REMIND_MS = 24 * 3_600_000;

const DAY_MS = 86_400_000;

export interface CredentialsParts {
  readonly env: Environment;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** How old a stored secret may become before it is alarmed, in milliseconds. */
  readonly maxAgeMs: number;
  /** Replaced by tests. */
  readonly random?: () => number;
  readonly fetchToken?: OAuthParts['fetch'];
}

/** A credential of some targets, with the secrets that it is made from. */
interface Kept {
  readonly credential: Credential;
  /** Those that somebody has to replace from time to time. */
  readonly secrets: readonly Secret[];
  readonly oauth: { readonly token: OAuthToken; readonly client: string } | null;
}

const NONE: Kept = { credential: NO_CREDENTIAL, secrets: [], oauth: null };

/** Every credential that the targets in force need, looked after: taken up anew where a file changes, and alarmed at an age. */
export class Credentials implements CredentialsOfTargets {
  readonly #parts: CredentialsParts;
  readonly #kept = new Map<string, Kept>();
  readonly #reminded = new Map<string, number>();
  /** Credentials that the gateway started with and has not had a token for yet. */
  #awaited: Set<OAuthToken> | null = null;
  readonly #rotations;
  readonly #tokens;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;

  constructor(parts: CredentialsParts) {
    this.#parts = parts;
    const { metrics } = parts;
    this.#rotations = metrics.counter({
      name: 'tollgate_gateway_credential_rotations_total',
      help: 'Credentials of upstreams that were replaced while the gateway ran, by variable.',
      labels: ['variable'],
    });
    this.#tokens = metrics.counter({
      name: 'tollgate_gateway_oauth_tokens_total',
      help: 'Attempts to fetch a token for upstreams, by the variable of the client id and the outcome.',
      labels: ['client', 'outcome'],
    });
    metrics.gauge({
      name: 'tollgate_gateway_oauth_token_remaining_seconds',
      help: 'How long the token at hand can be used yet, by the variable of the client id; 0: there is none.',
      labels: ['client'],
      collect: (gauge) => {
        gauge.reset();
        for (const { token, client } of this.#oauths()) gauge.set({ client }, token.remainingMs() / 1000);
      },
    });
    metrics.gauge({
      name: 'tollgate_gateway_credential_age_seconds',
      help: 'How long ago a credential of an upstream was issued, by variable; absent where nothing says so.',
      labels: ['variable'],
      collect: (gauge) => {
        gauge.reset();
        for (const secret of this.#secrets()) {
          const age = this.#ageMs(secret);
          if (age !== null) gauge.set({ variable: secret.variable }, age / 1000);
        }
      },
    });
    metrics.gauge({
      name: 'tollgate_gateway_credential_overdue',
      help: 'Whether a credential of an upstream is older than it may become, by variable.',
      labels: ['variable'],
      collect: (gauge) => {
        gauge.reset();
        for (const secret of this.#secrets()) {
          gauge.set({ variable: secret.variable }, this.#isOverdue(secret) ? 1 : 0);
        }
      },
    });
  }

  of(target: Target): { readonly key: string; readonly credential: Credential } {
    const key = keyOf(target);
    let kept = this.#kept.get(key);
    if (kept === undefined) {
      kept = this.#make(target);
      this.#kept.set(key, kept);
    }
    return { key, credential: kept.credential };
  }

  keep(keys: ReadonlySet<string>): void {
    for (const [key, { oauth }] of this.#kept) {
      if (keys.has(key)) continue;
      this.#kept.delete(key);
      if (oauth !== null) this.#awaited?.delete(oauth.token);
    }
  }

  start(): void {
    this.#awaited ??= new Set(this.#oauths().map(({ token }) => token));
    this.#timer ??= setInterval(() => void this.look(), LOOK_INTERVAL_MS).unref();
    void this.look();
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#looking;
  }

  /** What the timer does: takes up what has changed, and reminds of what is too old. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /**
   * What keeps the gateway from being ready: a token that it should have begun with and never had. One that it had and can't
   * renew is a warning, for it would fail in every gateway at once.
   */
  troubles(): string[] {
    const troubles: string[] = [];
    for (const token of this.#awaited ?? []) {
      if (token.current() !== null) this.#awaited?.delete(token);
      else troubles.push(token.trouble ?? 'no token has been fetched yet');
    }
    return troubles;
  }

  /** What is not as it should be, while calls go on. */
  warnings(): string[] {
    const warnings: string[] = [];
    for (const secret of this.#secrets()) {
      if (secret.trouble !== null) warnings.push(secret.trouble);
      if (this.#isOverdue(secret)) warnings.push(`${secret.variable} ${this.#overdue(secret)}`);
    }
    for (const { token } of this.#oauths()) {
      if (token.trouble !== null) warnings.push(token.trouble);
    }
    return warnings;
  }

  async #look(): Promise<void> {
    await Promise.all([this.#lookAtSecrets(), ...this.#oauths().map(({ token }) => token.sweep())]);
  }

  async #lookAtSecrets(): Promise<void> {
    const { log } = this.#parts;
    for (const secret of this.#secrets()) {
      const before = secret.trouble;
      await secret.look(false);
      const { trouble } = secret;
      if (trouble !== null && trouble !== before) log.error({ variable: secret.variable }, trouble);
      this.#remind(secret);
    }
  }

  #remind(secret: Secret): void {
    const { clock, log } = this.#parts;
    const { variable } = secret;
    if (!this.#isOverdue(secret)) {
      this.#reminded.delete(variable);
      return;
    }
    const last = this.#reminded.get(variable);
    if (last !== undefined && clock.monotonic() - last < REMIND_MS) return;
    this.#reminded.set(variable, clock.monotonic());
    log.warn({ variable, code: 'credential_overdue' }, `${variable} ${this.#overdue(secret)}`);
  }

  #overdue(secret: Secret): string {
    const days = Math.floor((this.#ageMs(secret) ?? 0) / DAY_MS);
    return `is ${days} days old: issue another and put it in its place`;
  }

  #isOverdue(secret: Secret): boolean {
    const age = this.#ageMs(secret);
    return age !== null && age >= this.#parts.maxAgeMs;
  }

  #ageMs({ issuedAtMs }: Secret): number | null {
    return issuedAtMs === null ? null : Math.max(0, this.#parts.clock.now() - issuedAtMs);
  }

  #secrets(): readonly Secret[] {
    return [...this.#kept.values()].flatMap(({ secrets }) => secrets);
  }

  #oauths(): { readonly token: OAuthToken; readonly client: string }[] {
    return [...this.#kept.values()].flatMap(({ oauth }) => (oauth === null ? [] : [oauth]));
  }

  #make(target: Target): Kept {
    const owner = `target ${target.id}`;
    if (target.oauth !== null) return this.#makeOAuth(target.oauth, owner);
    if (target.secretKeyRef === null) return NONE;
    const secret = this.#secret(target.secretKeyRef.env, owner);
    return { credential: new StoredToken(secret), secrets: [secret], oauth: null };
  }

  #makeOAuth({ clientId, clientSecret, tokenUrl, scope }: OAuthRef, owner: string): Kept {
    const { clock, random = Math.random, fetchToken: fetch = fetchToken } = this.#parts;
    const client = clientId.env;
    const secret = this.#secret(clientSecret.env, owner);
    const token = new OAuthToken({
      tokenUrl,
      scope,
      clientId: this.#secret(client, owner),
      clientSecret: secret,
      clock,
      random,
      fetch,
      told: (outcome) => this.#told(client, tokenUrl, outcome),
    });
    // Of a target that an edit brings: its first call need not wait.
    if (this.#timer !== null) void token.sweep();
    return { credential: token, secrets: [secret], oauth: { token, client } };
  }

  #secret(variable: string, owner: string): Secret {
    return new Secret(this.#parts.env, variable, owner, () => {
      this.#rotations.inc({ variable });
      this.#parts.log.info({ variable }, 'a credential was replaced');
    });
  }

  #told(client: string, url: string, outcome: TokenOutcome): void {
    const { log } = this.#parts;
    this.#tokens.inc({ client, outcome: outcome.kind });
    if (outcome.kind === 'granted') log.debug({ client, url }, 'a token was fetched');
    else log.error({ client, url, outcome: outcome.kind, why: outcome.why }, 'no token was to be had');
  }
}

/** Targets with the same one share it. */
function keyOf({ secretKeyRef, oauth }: Target): string {
  if (oauth !== null) return `oauth ${JSON.stringify(oauth)}`;
  return secretKeyRef === null ? 'none' : `token ${secretKeyRef.env}`;
}
