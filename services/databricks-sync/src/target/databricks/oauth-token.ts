import { z } from 'zod';
import { SyncError } from '../../errors.ts';

export interface OAuthClient {
  readonly clientId: string;
  readonly clientSecret: string;
}

const answer = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

/** A token is fetched anew so long before it expires. */
const SPARE_MS = 60_000;
const TIMEOUT_MS = 30_000;

/**
 * Access tokens of a service principal, by OAuth's client credentials at the workspace itself. The driver's own way
 * knows only Databricks' public domains, and no port.
 */
export class OAuthTokens {
  readonly #url: string;
  readonly #client: OAuthClient;
  readonly #now: () => number;
  #token: { readonly text: string; readonly untilMs: number } | null = null;

  /** @param origin of the workspace, such as https://adb-1.2.azuredatabricks.net */
  constructor(origin: string, client: OAuthClient, now: () => number = Date.now) {
    this.#url = `${origin}/oidc/v1/token`;
    this.#client = client;
    this.#now = now;
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
    let response: Response;
    try {
      response = await fetch(this.#url, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: 'grant_type=client_credentials&scope=all-apis',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (cause) {
      throw new SyncError('target_unavailable', 'the workspace does not answer when asked for a token', {
        cause,
      });
    }
    if (response.status >= 400 && response.status < 500 && response.status !== 429) {
      throw new SyncError(
        'target_denied',
        `the workspace gives no token (HTTP ${response.status}): check DATABRICKS_CLIENT_ID and _SECRET`,
      );
    }
    const parsed = answer.safeParse(await response.json().catch(() => null));
    if (!response.ok || !parsed.success) {
      throw new SyncError('target_unavailable', `the workspace gives no token (HTTP ${response.status})`);
    }
    return parsed.data;
  }
}
