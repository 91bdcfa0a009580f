import { Client } from 'undici';
import { z } from 'zod';

/** The largest answer that is read, in bytes. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** RFC 6749, 5.1. */
const grant = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]+$/),
  expires_in: z.number().positive(),
});

/** RFC 6749, 5.2; any other text could quote the secret. */
const refusal = z.object({ error: z.string().regex(/^[a-z_]{1,64}$/) });

export interface TokenRequest {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string;
  /** For all of it. */
  readonly timeoutMs: number;
}

/** `denied`: asking again with the same secret does not help. */
export type TokenOutcome =
  | { readonly kind: 'granted'; readonly token: string; readonly lifetimeMs: number }
  | { readonly kind: 'denied' | 'unavailable'; readonly why: string };

/**
 * Asks for a token by OAuth client credentials: RFC 6749, 4.4, the client named by Basic authentication. Never rejects, and
 * what it says of a failure holds nothing of the answer but an error code.
 */
export async function fetchToken(request: TokenRequest): Promise<TokenOutcome> {
  const { url, clientId, clientSecret, scope, timeoutMs } = request;
  const { origin, pathname, search } = new URL(url);
  // Once an hour or so: no connection is worth keeping.
  const client = new Client(origin, { connect: { timeout: timeoutMs }, maxResponseSize: MAX_ANSWER_BYTES });
  const basic = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`;
  try {
    const { statusCode, body } = await client.request({
      method: 'POST',
      path: pathname + search,
      headers: {
        authorization: `Basic ${Buffer.from(basic).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
      },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope }).toString(),
      signal: AbortSignal.timeout(timeoutMs),
    });
    return outcomeOf(statusCode, await body.text());
  } catch (error) {
    return { kind: 'unavailable', why: `no answer (${codeOf(error)})` };
  } finally {
    await client.destroy();
  }
}

function outcomeOf(status: number, text: string): TokenOutcome {
  const answer = parsed(text);
  const granted = grant.safeParse(answer);
  if (status === 200 && granted.success) {
    const { access_token: token, expires_in: seconds } = granted.data;
    return { kind: 'granted', token, lifetimeMs: seconds * 1000 };
  }
  if (status === 200) return { kind: 'unavailable', why: 'an answer without a token' };
  const refused = refusal.safeParse(answer);
  const why = refused.success ? `status ${status}, ${refused.data.error}` : `status ${status}`;
  const denied = status >= 400 && status < 500 && status !== 408 && status !== 429;
  return { kind: denied ? 'denied' : 'unavailable', why };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
