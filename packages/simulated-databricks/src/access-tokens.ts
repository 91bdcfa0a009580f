import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** A service principal that may fetch tokens. */
export interface OAuthClient {
  readonly clientId: string;
  readonly clientSecret: string;
  /** How long its tokens are good for, seconds; 3600 unless given, as at Databricks. */
  readonly tokenLifetimeSeconds?: number;
}

/** What the token endpoint answers: RFC 6749 section 5. */
export type TokenAnswer =
  | {
      readonly status: 200;
      readonly body: { access_token: string; token_type: 'Bearer'; expires_in: number };
    }
  | { readonly status: 400 | 401; readonly body: { error: string } };

const DEFAULT_LIFETIME_SECONDS = 3_600;
const TOKEN_BYTES = 24;
const MILLISECONDS = 1_000;
/** Expired ones are forgotten beyond this. */
const MAX_ISSUED = 1_000;

/** Why a token lets nobody in; `expired` is said only of those that were fetched here. */
export type TokenRefusal = 'missing' | 'invalid' | 'expired';

/** Who is let in: personal access tokens, and tokens fetched by OAuth client credentials. */
export class AccessTokens {
  #personal: ReadonlySet<string> | null;
  readonly #clients: readonly OAuthClient[];
  readonly #now: () => number;
  readonly #issued = new Map<string, number>();
  #count = 0;

  /** @param personal null lets everybody in */
  constructor(personal: readonly string[] | null, clients: readonly OAuthClient[], now: () => number) {
    this.#personal = personal === null ? null : new Set(personal);
    this.#clients = clients;
    this.#now = now;
  }

  /** How many tokens were fetched. */
  get issued(): number {
    return this.#count;
  }

  /** Other personal access tokens, as a rotation makes them. */
  setPersonal(personal: readonly string[] | null): void {
    this.#personal = personal === null ? null : new Set(personal);
  }

  admits(authorization: string | undefined): boolean {
    return this.refusal(authorization) === null;
  }

  /** Null where the bearer is let in. */
  refusal(authorization: string | undefined): TokenRefusal | null {
    if (this.#personal === null) return null;
    if (authorization === undefined) return 'missing';
    const token = /^Bearer (\S+)$/.exec(authorization)?.[1];
    if (token === undefined) return 'invalid';
    if (this.#personal.has(token)) return null;
    const expires = this.#issued.get(token);
    if (expires === undefined) return 'invalid';
    return expires > this.#now() ? null : 'expired';
  }

  /** Fetched tokens are good no longer. */
  expireIssued(): void {
    for (const token of this.#issued.keys()) this.#issued.set(token, 0);
  }

  /** The client is named by `authorization: Basic` or in the form: RFC 6749 section 2.3.1. */
  issue(headers: IncomingHttpHeaders, form: string): TokenAnswer {
    const fields = new URLSearchParams(form);
    if (fields.get('grant_type') !== 'client_credentials')
      return { status: 400, body: { error: 'unsupported_grant_type' } };
    const [id, secret] = basicCredentials(headers.authorization) ?? [
      fields.get('client_id'),
      fields.get('client_secret'),
    ];
    const client = this.#clients.find(
      ({ clientId, clientSecret }) => clientId === id && clientSecret === secret,
    );
    if (client === undefined) return { status: 401, body: { error: 'invalid_client' } };
    const lifetime = client.tokenLifetimeSeconds ?? DEFAULT_LIFETIME_SECONDS;
    for (const [old, expires] of this.#issued) {
      if (this.#issued.size < MAX_ISSUED) break;
      if (expires <= this.#now()) this.#issued.delete(old);
    }
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    this.#issued.set(token, this.#now() + lifetime * MILLISECONDS);
    this.#count += 1;
    return { status: 200, body: { access_token: token, token_type: 'Bearer', expires_in: lifetime } };
  }
}

function basicCredentials(authorization: string | undefined): [string, string] | undefined {
  const encoded = /^Basic (\S+)$/.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const [id = '', ...rest] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return [decodeURIComponent(id), decodeURIComponent(rest.join(':'))];
}
