import { hash, randomBytes } from 'node:crypto';

/** `key`: an API key for the gateway, `token`: an access token for the services' APIs. */
export type CredentialKind = 'key' | 'token';

const PREFIX: Readonly<Record<CredentialKind, string>> = { key: 'tgk_', token: 'tgs_' };
const SECRET_BYTES = 32;

/** A new credential: its kind's prefix and 32 random bytes in base64url. Shown once, kept only as its hash. */
export function mintCredential(
  kind: CredentialKind,
  random: (size: number) => Buffer = randomBytes,
): { readonly secret: string; readonly sha256: string } {
  const secret = PREFIX[kind] + random(SECRET_BYTES).toString('base64url');
  return { secret, sha256: hashCredential(secret) };
}

/**
 * SHA-256 in hex of a credential as it was presented. The secret has 256 random bits, so neither salt nor stretching
 * is needed, and looking the hash up in a map tells a timing observer nothing about any stored secret.
 */
export function hashCredential(secret: string): string {
  return hash('sha256', secret, 'hex');
}

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]{1,512}=*) *$/i;

/** The credential in an `authorization` header (RFC 6750, section 2.1); null where there is none. */
export function parseBearer(authorization: string | undefined): string | null {
  if (authorization === undefined) return null;
  return BEARER.exec(authorization)?.[1] ?? null;
}
