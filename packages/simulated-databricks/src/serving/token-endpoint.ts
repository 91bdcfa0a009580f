import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AccessTokens } from '../access-tokens.ts';

/** Where a workspace gives tokens to its service principals. */
export const TOKEN_PATH = '/oidc/v1/token';

/**
 * `up`: as it should; `error`: 500; `hang`: no answer for as long as the client waits; `malformed`: 200 with something
 * else than a token; `reset`: the connection is cut.
 */
export type TokenEndpointMode = 'up' | 'error' | 'hang' | 'malformed' | 'reset';

/** OAuth's token endpoint: RFC 6749, 4.4, with a scope that has to be Databricks' own. */
export class TokenEndpoint {
  mode: TokenEndpointMode = 'up';
  readonly #tokens: AccessTokens;

  constructor(tokens: AccessTokens) {
    this.#tokens = tokens;
  }

  answer(headers: IncomingHttpHeaders, form: string, response: ServerResponse): void {
    switch (this.mode) {
      case 'hang':
        return;
      case 'reset':
        response.socket?.resetAndDestroy();
        return;
      case 'error':
        send(response, 500, { error: 'server_error' });
        return;
      case 'malformed':
        send(response, 200, { access_token: 7 });
        return;
      case 'up': {
        if (new URLSearchParams(form).get('scope') !== 'all-apis') {
          send(response, 400, { error: 'invalid_scope' });
          return;
        }
        const { status, body } = this.#tokens.issue(headers, form);
        send(response, status, body);
      }
    }
  }
}

function send(response: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value);
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
