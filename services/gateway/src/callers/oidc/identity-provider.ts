import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';
import type { Clock } from '../../clock.ts';

/** Signatures that tokens may have: none that the verifier could make itself. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export interface OidcSettings {
  /** As tokens name it, and where `/.well-known/openid-configuration` is. */
  readonly issuer: string;
  readonly audience: string;
  /** Of the provider's keys; null: as its configuration says. */
  readonly jwksUrl: string | null;
  readonly algorithms: readonly Algorithm[];
  readonly clockSkewSeconds: number;
  /** The claim that is a user's `external_subject` in the directory. */
  readonly userClaim: string;
  /** The claim that names one of the user's teams; null: the user has one. */
  readonly teamClaim: string | null;
}

/** Whom a token names. */
export interface Identity {
  readonly subject: string;
  readonly team: string | null;
  /** When the token is no longer good, in milliseconds since 1970. */
  readonly untilMs: number;
}

/** `unavailable`: the provider's keys are not to be had, so nothing is known of the token. */
export type TokenRefusal = 'invalid' | 'expired' | 'unavailable';

/** How long the provider may take to answer, in milliseconds. */
const FETCH_TIMEOUT_MS = 3000;

/** Its keys are read again after so long; and for a key that is not among them, but not more often than this. */
const KEYS_MAX_AGE_MS = 600_000;
const KEYS_COOLDOWN_MS = 30_000;

/** The largest configuration that is read. */
const MAX_CONFIGURATION_CHARACTERS = 256 * 1024;

const configuration = z.object({ issuer: z.string(), jwks_uri: z.url() });

/** Verifies tokens against the keys that an OpenID provider publishes. */
export class IdentityProvider {
  readonly #settings: OidcSettings;
  readonly #clock: Clock;
  #keys: Promise<JWTVerifyGetKey> | null = null;

  constructor(settings: OidcSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Never rejects, and says nothing of the token but what kind of wrong it is. */
  async verify(token: string): Promise<Identity | TokenRefusal> {
    const { issuer, audience, algorithms, clockSkewSeconds, userClaim, teamClaim } = this.#settings;
    let keys: JWTVerifyGetKey;
    try {
      this.#keys ??= this.#find();
      keys = await this.#keys;
    } catch {
      this.#keys = null;
      return 'unavailable';
    }
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: [...algorithms],
        clockTolerance: clockSkewSeconds,
        currentDate: new Date(this.#clock.now()),
        requiredClaims: ['exp', userClaim],
      });
      const subject = textOf(payload, userClaim);
      const team = teamClaim === null ? null : textOf(payload, teamClaim);
      if (subject === null || payload.exp === undefined) return 'invalid';
      return { subject, team, untilMs: (payload.exp + clockSkewSeconds) * 1000 };
    } catch (error) {
      return refusalOf(error);
    }
  }

  async #find(): Promise<JWTVerifyGetKey> {
    const { issuer, jwksUrl } = this.#settings;
    const url = jwksUrl ?? (await discovered(issuer));
    return createRemoteJWKSet(new URL(url), {
      timeoutDuration: FETCH_TIMEOUT_MS,
      cooldownDuration: KEYS_COOLDOWN_MS,
      cacheMaxAge: KEYS_MAX_AGE_MS,
    });
  }
}

/** OpenID Connect Discovery 1.0, section 4. */
async function discovered(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  const text = await response.text();
  if (!response.ok || text.length > MAX_CONFIGURATION_CHARACTERS) throw new Error('no configuration');
  const found = configuration.parse(JSON.parse(text));
  // Section 4.3: another issuer's configuration is not this one's.
  if (found.issuer !== issuer) throw new Error('the configuration is of another issuer');
  return found.jwks_uri;
}

function refusalOf(error: unknown): TokenRefusal {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWKSTimeout) return 'unavailable';
  // Anything of its own kind is about the token; the rest, and a plain one of its own, about fetching the keys.
  const isAboutToken = error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC';
  return isAboutToken ? 'invalid' : 'unavailable';
}

function textOf(payload: JWTPayload, claim: string): string | null {
  const value = payload[claim];
  return typeof value === 'string' && value !== '' ? value : null;
}
