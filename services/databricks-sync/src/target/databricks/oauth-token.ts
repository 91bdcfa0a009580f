import { z } from 'zod';
import { SyncError } from '../../errors.ts';
import { type FormAnswer, postForm } from './post-form.ts';

export interface OAuthClient {
  readonly clientId: string;
  readonly clientSecret: string;
}

const answer = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

/** A token is fetched anew so long before it expires. */
const SPARE_MS = 60_000;
const TIMEOUT_MS = 30_000;
const OK = 200;
const TOO_MANY_REQUESTS = 429;

/**
 * Access tokens of a service principal, by OAuth's client credentials at the workspace itself. The driver's own way
 * knows only Databricks' public domains, and no port.
 */
export class OAuthTokens {
  readonly #url: string;
  readonly #client: OAuthClient;
  readonly #now: () => number;
  readonly #trusted: string | undefined;
  #token: { readonly text: string; readonly untilMs: number } | null = null;

  /**
   * @param origin of the workspace, such as https://adb-1.2.azuredatabricks.net
   * @param options.trustedCertificate PEM of an authority to trust besides the system's
   */
  constructor(
    origin: string,
    client: OAuthClient,
    options: { readonly now?: () => number; readonly trustedCertificate?: string | undefined } = {},
  ) {
    this.#url = `${origin}/oidc/v1/token`;
    this.#client = client;
    this.#now = options.now ?? Date.now;
    this.#trusted = options.trustedCertificate;
  }

  /** @throws SyncError `target_denied`, `target_unavailable` */
  async get(): Promise<string> {
    if (this.#token !== null && this.#now() < this.#token.untilMs) return this.#token.text;
    const { access_token, expires_in } = await this.#fetch();
    this.#token = { text: access_token, untilMs: this.#now() + expires_in * 1000 - SPARE_MS };
    return access_token;
  }

  /** The token was refused: the next is fetched anew. */
  forget(): void {
    this.#token = null;
  }

  async #fetch(): Promise<z.output<typeof answer>> {
    const { clientId, clientSecret } = this.#client;
    let response: FormAnswer;
    try {
      response = await postForm(this.#url, {
        authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
        form: 'grant_type=client_credentials&scope=all-apis',
        timeoutMs: TIMEOUT_MS,
        trustedCertificate: this.#trusted,
      });
    } catch (cause) {
      throw new SyncError('target_unavailable', 'the workspace does not answer when asked for a token', {
        cause,
      });
    }
    const { status } = response;
    if (status >= 400 && status < 500 && status !== TOO_MANY_REQUESTS) {
      throw new SyncError(
        'target_denied',
        `the workspace gives no token (HTTP ${status}): check DATABRICKS_CLIENT_ID and _SECRET`,
      );
    }
    const parsed = answer.safeParse(jsonOf(response.text));
    if (status !== OK || !parsed.success) {
      throw new SyncError('target_unavailable', `the workspace gives no token (HTTP ${status})`);
    }
    return parsed.data;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
