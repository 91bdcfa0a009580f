import type { Clock } from '../../clock.ts';
import { type Credential, CredentialError } from './credential.ts';
import type { TokenOutcome, TokenRequest } from './fetch-token.ts';
import type { Secret } from './secret.ts';

/** How long asking for a token may take, and with it a call that has to wait for one, in milliseconds. */
export const TOKEN_TIMEOUT_MS = 5000;

/** A token is renewed when this share of its life is over, give or take a little, so that gateways don't ask as one. */
const RENEW_AT = 0.7;
const RENEW_JITTER = 0.1;

/** It is not shown any more so long before its end, in milliseconds; a tenth of its life, where that is less. */
const SPARE_MS = 30_000;
const SPARE_SHARE = 0.1;

/** Between two attempts that fail: doubled from one to the next, and cut by chance to between half and all of it. */
const FIRST_PAUSE_MS = 1000;
const LAST_PAUSE_MS = 60_000;

/** A token that is refused earlier than this is not the reason: another one would fare the same, in milliseconds. */
const LEAST_AGE_MS = 5000;

/** Tokens before the current one that answers may still show. */
const MAX_FORMER = 2;

export interface OAuthParts {
  readonly tokenUrl: string;
  readonly scope: string;
  readonly clientId: Secret;
  readonly clientSecret: Secret;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly fetch: (request: TokenRequest) => Promise<TokenOutcome>;
  /** Told of each attempt. */
  readonly told: (outcome: TokenOutcome) => void;
}

interface Token {
  readonly text: string;
  readonly authorization: string;
  readonly askedAtMs: number;
  /** On the monotonic clock. */
  readonly usableUntilMs: number;
  readonly renewAtMs: number;
}

/**
 * Tokens of a service principal, fetched by OAuth client credentials: renewed ahead of their end, by one request at a time,
 * and at once where the upstream refuses one. While none can be had, the current one is used to its end; after that calls fail at
 * once, and only those that come while it is being fetched wait for it.
 */
export class OAuthToken implements Credential {
  readonly renewable = true;
  readonly #parts: OAuthParts;
  #token: Token | null = null;
  #former: readonly string[] = [];
  #fetching: Promise<void> | null = null;
  #failures = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #trouble: string | null = null;

  constructor(parts: OAuthParts) {
    this.#parts = parts;
  }

  /** Why there is no newer token; null where the last attempt gave one. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** How long the token can be used yet, in milliseconds; 0 where there is none. */
  remainingMs(): number {
    return Math.max(0, (this.#token?.usableUntilMs ?? 0) - this.#parts.clock.monotonic());
  }

  current(): string | null {
    const token = this.#token;
    return token !== null && this.#parts.clock.monotonic() < token.usableUntilMs ? token.authorization : null;
  }

  /** @throws CredentialError where there is none, and none is being fetched that may come */
  async wait(): Promise<void> {
    if (this.current() === null) await this.#fetchUnlessPaused();
    if (this.current() === null) throw new CredentialError(this.#trouble ?? 'there is no token yet');
  }

  async renew(used: string, status: number): Promise<boolean> {
    // 403 is about rights: another token has the same.
    if (status !== 401) return false;
    if (this.current() === used && this.#ageMs() >= LEAST_AGE_MS) await this.#fetchUnlessPaused();
    const now = this.current();
    return now !== null && now !== used;
  }

  secrets(): readonly string[] {
    const tokens = this.#token === null ? this.#former : [this.#token.text, ...this.#former];
    return [...tokens, ...this.#parts.clientSecret.all()];
  }

  /** Fetches a token where it is time to. */
  async sweep(): Promise<void> {
    const { clock, clientId, clientSecret } = this.#parts;
    const looked = await Promise.all([clientId.look(false), clientSecret.look(false)]);
    if (looked.includes(true)) this.#notBeforeMs = Number.NEGATIVE_INFINITY;
    const now = clock.monotonic();
    if (this.#token === null || now >= this.#token.renewAtMs) await this.#fetchUnlessPaused();
  }

  #ageMs(): number {
    return this.#parts.clock.monotonic() - (this.#token?.askedAtMs ?? 0);
  }

  async #fetchUnlessPaused(): Promise<void> {
    if (this.#fetching === null && this.#parts.clock.monotonic() < this.#notBeforeMs) return;
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = null;
    });
    await this.#fetching;
  }

  async #fetch(): Promise<void> {
    const { tokenUrl, scope, clientId, clientSecret, clock, random, fetch, told } = this.#parts;
    const askedAtMs = clock.monotonic();
    const outcome = await fetch({
      url: tokenUrl,
      clientId: clientId.value,
      clientSecret: clientSecret.value,
      scope,
      timeoutMs: TOKEN_TIMEOUT_MS,
    });
    if (outcome.kind === 'granted') this.#take(outcome.token, outcome.lifetimeMs, askedAtMs);
    else {
      this.#failures += 1;
      const pause = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
      this.#notBeforeMs = clock.monotonic() + pause * (0.5 + random() / 2);
      this.#trouble = `no token for ${clientId.variable}: ${outcome.why}`;
      // The secret may have been replaced since the last look.
      if (outcome.kind === 'denied') {
        const looked = await Promise.all([clientId.look(true), clientSecret.look(true)]);
        if (looked.includes(true)) this.#notBeforeMs = Number.NEGATIVE_INFINITY;
      }
    }
    told(outcome);
  }

  #take(text: string, lifetimeMs: number, askedAtMs: number): void {
    const { random } = this.#parts;
    if (this.#token !== null) this.#former = [this.#token.text, ...this.#former].slice(0, MAX_FORMER);
    this.#token = {
      text,
      authorization: `Bearer ${text}`,
      askedAtMs,
      usableUntilMs: askedAtMs + lifetimeMs - Math.min(SPARE_MS, lifetimeMs * SPARE_SHARE),
      renewAtMs: askedAtMs + lifetimeMs * (RENEW_AT + RENEW_JITTER * (random() - 0.5)),
    };
    this.#failures = 0;
    this.#notBeforeMs = Number.NEGATIVE_INFINITY;
    this.#trouble = null;
  }
}
