/** What a gateway shows an upstream of itself. Read at each call, so that it can be renewed under calls in flight. */
export interface Credential {
  /**
   * The value of the `authorization` header just now; `''`: none is sent; null: there should be one, and there is none
   * at this moment.
   */
  current(): string | null;
  /**
   * Resolves once `current` may have a value again, within a deadline of its own.
   *
   * @throws CredentialError
   */
  wait(): Promise<void>;
  /** Whether {@link renew} can ever help. */
  readonly renewable: boolean;
  /**
   * Told that the upstream refused `used`; whether there is another one now. Has a deadline of its own, and never rejects.
   *
   * @param status 401 or 403
   */
  renew(used: string, status: number): Promise<boolean>;
  /** What no answer, event or log may show: every secret that is in use, or was until lately. */
  secrets(): readonly string[];
}

/** There is no credential to call an upstream with, for a reason that is in the gateway's log. */
export class CredentialError extends Error {
  readonly code = 'credential_unavailable';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CredentialError';
  }
}

const NOTHING: readonly string[] = [];

/** No credential: the upstream asks for none. */
export const NO_CREDENTIAL: Credential = fixed('', NOTHING);

/** A token that stays as it is. */
export function fixedCredential(token: string | null): Credential {
  return token === null ? NO_CREDENTIAL : fixed(`Bearer ${token}`, [token]);
}

function fixed(authorization: string, secrets: readonly string[]): Credential {
  return {
    current: () => authorization,
    wait: () => Promise.resolve(),
    renewable: false,
    renew: () => Promise.resolve(false),
    secrets: () => secrets,
  };
}

/** Shorter ones would strike innocent text, and are no secrets. */
const LEAST_SECRET_CHARACTERS = 4;

const CONCEALED = '[redacted]';

/** The text without any of the secrets in it. */
export function conceal(text: string, secrets: readonly string[]): string {
  let concealed = text;
  for (const secret of secrets) {
    if (secret.length >= LEAST_SECRET_CHARACTERS) concealed = concealed.replaceAll(secret, CONCEALED);
  }
  return concealed;
}
