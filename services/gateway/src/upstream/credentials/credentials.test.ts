import { once } from 'node:events';
import { utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createSimulatedDatabricks, type SimulatedDatabricks } from '@tollgate/simulated-databricks';
import { temporaryFolder, until } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TEST_KEY } from '../../testing/gateway-under-test.ts';
import { type LiveGateway, startLiveGateway } from '../../testing/live-gateway.ts';
import { fetchToken } from './fetch-token.ts';

const MODEL = 'databricks-meta-llama-3-3-70b-instruct';
const CLIENT = { clientId: 'client-1', clientSecret: 'dose-very-secret' };
const HOUR_MS = 3_600_000;
const inTime = { timeoutMs: 15_000 };

let upstream: SimulatedDatabricks;
let under: LiveGateway | null = null;
let folder: string;

beforeEach(async () => {
  under = null;
  folder = temporaryFolder('credentials');
  upstream = createSimulatedDatabricks({ tokens: ['dapi-first'], oauthClients: [CLIENT] });
  await upstream.listen();
});
afterEach(async () => {
  await under?.close();
  await upstream.close();
});

const OAUTH = { oauth: { client_id: { env: 'CLIENT_ID' }, client_secret: { env: 'CLIENT_SECRET' } } };
const BY_OAUTH = { CLIENT_ID: CLIENT.clientId, CLIENT_SECRET: CLIENT.clientSecret };

/** Serves one model with this credential, from the simulated workspace unless told otherwise. */
async function start(
  credential: object,
  env: Record<string, string>,
  more: Partial<Parameters<typeof startLiveGateway>[0]> & { readonly baseUrl?: string } = {},
): Promise<LiveGateway> {
  const file = join(folder, 'policy-config.yaml');
  const target = {
    id: 'llama',
    provider: `databricks:chat:${MODEL}`,
    base_url: more.baseUrl ?? `${upstream.url}/serving-endpoints`,
    ...credential,
  };
  const pack = { name: 'p', version: '1.0.0', enabled: true };
  const text = { pack, providers: { targets: [target] }, policies: { chain: ['audit-logger'] } };
  writeFileSync(file, JSON.stringify(text));
  under = await startLiveGateway({ file, env, ...more });
  return under;
}

function chat({ url }: LiveGateway, more: object = {}): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}` },
    body: JSON.stringify({
      model: MODEL,
      messages: [{ role: 'user', content: 'x' }],
      max_tokens: 4,
      ...more,
    }),
  });
}

/** A stream of the Responses API. */
function respond({ url }: LiveGateway): Promise<Response> {
  return fetch(`${url}/v1/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}` },
    body: JSON.stringify({ model: MODEL, input: 'x', stream: true }),
  });
}

const codeOf = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { error: { code: string } }).error.code;

const ready = async ({ url }: LiveGateway): Promise<[number, unknown]> => {
  const response = await fetch(`${url}/readyz`);
  return [response.status, await response.json()];
};

describe('a token in a file', () => {
  const stored = (token: string): string => {
    const file = join(folder, 'token');
    writeFileSync(file, `${token}\n`);
    return file;
  };
  const BY_FILE = { secret_key_ref: { env: 'TOKEN' } };

  test('that is replaced is used from then on, without a restart, and calls in flight end with the old one', async () => {
    const gateway = await start(BY_FILE, { TOKEN_FILE: stored('dapi-first') });
    const running = await chat(gateway, {
      stream: true,
      max_tokens: 30,
      simulated: { words_per_chunk: 1, chunk_delay_ms: 20 },
    });
    upstream.setTokens(['dapi-first', 'dapi-second']);
    stored('dapi-second');
    await gateway.credentials.look();
    await gateway.credentials.look();
    upstream.setTokens(['dapi-second']);
    expect((await chat(gateway)).status).toBe(200);
    expect(await running.text()).toMatch(/\[DONE\]\s*$/);
    expect(await gateway.metrics.text()).toContain(
      'tollgate_gateway_credential_rotations_total{variable="TOKEN"} 1',
    );
  });

  test('that was revoked when its successor was stored costs no call: it is read again and the call sent once more', async () => {
    const gateway = await start(BY_FILE, { TOKEN_FILE: stored('dapi-first') });
    upstream.setTokens(['dapi-second']);
    stored('dapi-second');
    const answers = await Promise.all(Array.from({ length: 8 }, () => chat(gateway)));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
  });

  test('that was revoked without one is told as such, and the refusal is not repeated for ever', async () => {
    const gateway = await start(BY_FILE, { TOKEN_FILE: stored('dapi-first') });
    upstream.setTokens(['dapi-second']);
    const answer = await chat(gateway);
    expect([answer.status, await codeOf(answer)]).toEqual([502, 'upstream_refused_credential']);
    expect(upstream.stats().refused).toBe(1);
  });

  test('that is too old is alarmed in log, metric and readiness, until it is replaced', async () => {
    const file = stored('dapi-first');
    const daysAgo = (days: number) => Date.now() / 1000 - days * 86_400;
    utimesSync(file, daysAgo(91), daysAgo(91));
    const gateway = await start(BY_FILE, { TOKEN_FILE: file });
    await gateway.credentials.look();
    await gateway.credentials.look();
    expect(await ready(gateway)).toMatchObject([
      200,
      { warnings: [expect.stringMatching(/^TOKEN is 91 days old/)] },
    ]);
    const reminders = () => gateway.logged.filter((line) => line.includes('credential_overdue'));
    expect(reminders()).toHaveLength(1);
    expect(await gateway.metrics.text()).toContain('tollgate_gateway_credential_overdue{variable="TOKEN"} 1');
    gateway.clock.aheadMs += 25 * HOUR_MS;
    await gateway.credentials.look();
    expect(reminders()).toHaveLength(2);
    stored('dapi-second');
    await gateway.credentials.look();
    await gateway.credentials.look();
    expect(await ready(gateway)).toEqual([200, { status: 'ready' }]);
    expect(await gateway.metrics.text()).toContain('tollgate_gateway_credential_overdue{variable="TOKEN"} 0');
  });
});

describe('a service principal', () => {
  test('is shown by a token that is fetched once for many calls', async () => {
    const gateway = await start(OAUTH, BY_OAUTH);
    const answers = await Promise.all(Array.from({ length: 20 }, () => chat(gateway)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(upstream.tokensIssued).toBe(1);
    expect(await ready(gateway)).toEqual([200, { status: 'ready' }]);
    expect(await gateway.metrics.text()).toContain(
      'tollgate_gateway_oauth_tokens_total{client="CLIENT_ID",outcome="granted"} 1',
    );
  });

  test('gets another token ahead of the end of the one before', async () => {
    const gateway = await start(OAUTH, BY_OAUTH);
    await chat(gateway);
    gateway.clock.aheadMs += 0.6 * HOUR_MS;
    await gateway.credentials.look();
    expect(upstream.tokensIssued).toBe(1);
    gateway.clock.aheadMs += 0.16 * HOUR_MS;
    await gateway.credentials.look();
    expect(upstream.tokensIssued).toBe(2);
  });

  test('whose token is revoked gets another at the first refusal, once for all calls, and none of them fails', async () => {
    const gateway = await start(OAUTH, BY_OAUTH);
    await chat(gateway);
    gateway.clock.aheadMs += 10_000;
    upstream.expireTokens();
    const answers = await Promise.all(Array.from({ length: 12 }, () => chat(gateway)));
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200));
    expect(upstream.tokensIssued).toBe(2);
  });

  test('whose fresh tokens are refused does not ask for more with each call', async () => {
    const gateway = await start(OAUTH, BY_OAUTH);
    await chat(gateway);
    upstream.expireTokens();
    for (let call = 0; call < 3; call += 1)
      expect(await codeOf(await chat(gateway))).toBe('upstream_refused_credential');
    expect(upstream.tokensIssued).toBe(1);
  });

  test.each(['error', 'malformed', 'reset'] as const)(
    'uses its token to the end while the token endpoint is in state %s, and says so',
    async (mode) => {
      const gateway = await start(OAUTH, BY_OAUTH);
      await chat(gateway);
      upstream.setTokenEndpoint(mode);
      gateway.clock.aheadMs += 0.8 * HOUR_MS;
      await gateway.credentials.look();
      expect((await chat(gateway)).status).toBe(200);
      expect(await ready(gateway)).toMatchObject([
        200,
        { warnings: [expect.stringMatching(/^no token for CLIENT_ID: /)] },
      ]);
      expect(await gateway.metrics.text()).toContain('outcome="unavailable"} 1');
      gateway.clock.aheadMs += 0.3 * HOUR_MS;
      const answer = await chat(gateway);
      expect([answer.status, await codeOf(answer)]).toEqual([503, 'credential_unavailable']);
      upstream.setTokenEndpoint('up');
      gateway.clock.aheadMs += 61_000;
      expect((await chat(gateway)).status).toBe(200);
      expect(await ready(gateway)).toEqual([200, { status: 'ready' }]);
    },
  );

  test('that never had a token keeps the gateway from being ready, and its calls fail in time', async () => {
    upstream.setTokenEndpoint('hang');
    let timeoutMs = 300;
    const gateway = await start(OAUTH, BY_OAUTH, {
      fetchToken: (request) => fetchToken({ ...request, timeoutMs }),
    });
    expect(await ready(gateway)).toMatchObject([503, { troubles: ['no token has been fetched yet'] }]);
    const answer = await chat(gateway);
    expect([answer.status, await codeOf(answer)]).toEqual([503, 'credential_unavailable']);
    expect(answer.headers.get('retry-after')).not.toBeNull();
    expect(gateway.gateway.inFlight()).toBe(0);
    upstream.setTokenEndpoint('up');
    timeoutMs = 20_000;
    gateway.clock.aheadMs += 61_000;
    await gateway.credentials.look();
    expect(await ready(gateway)).toEqual([200, { status: 'ready' }]);
  });

  test('whose secret was replaced is let in with the new one', async () => {
    const secretFile = join(folder, 'secret');
    writeFileSync(secretFile, 'of-yesterday');
    const gateway = await start(OAUTH, { CLIENT_ID: CLIENT.clientId, CLIENT_SECRET_FILE: secretFile });
    await until(() => gateway.logged.some((line) => line.includes('invalid_client')), inTime);
    writeFileSync(secretFile, CLIENT.clientSecret);
    await until(async () => {
      await gateway.credentials.look();
      return (await chat(gateway)).status === 200;
    }, inTime);
  });
});

describe('no application ever sees a credential', () => {
  const A_FAILED_RESPONSE = 'the end of a response that failed';

  /** Says whatever it was sent, wherever an upstream could say it. */
  async function echo(
    status: number,
    answer: (credential: string) => string,
    contentType = 'application/json',
  ) {
    const server = createServer((req, res) => {
      req.resume();
      const credential = (req.headers.authorization ?? '').replace('Bearer ', '');
      res.writeHead(status, {
        'content-type': contentType,
        'x-echo': credential,
        'www-authenticate': credential,
      });
      res.end(answer(credential));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return { baseUrl: `http://127.0.0.1:${port}/v1`, stop: () => server.close() };
  }

  test.each<[string, number, (credential: string) => string, string]>([
    [
      "Databricks' shape",
      400,
      (secret) => JSON.stringify({ error_code: secret, message: `got ${secret}` }),
      'application/json',
    ],
    [
      "OpenAI's shape",
      429,
      (secret) =>
        JSON.stringify({ error: { message: `${secret}!`, code: secret, type: secret, param: secret } }),
      'application/json',
    ],
    [
      'a refusal',
      401,
      (secret) => JSON.stringify({ message: `unknown token ${secret}` }),
      'application/json',
    ],
    ['a page', 500, (secret) => `<p>${secret}</p>`, 'text/html'],
    [
      'an event of a stream',
      200,
      (secret) => `data: {"error":{"message":"bad ${secret}"}}\n\n`,
      'text/event-stream',
    ],
    [
      A_FAILED_RESPONSE,
      200,
      (secret) =>
        `event: response.failed\ndata: ${JSON.stringify({ type: 'response.failed', response: { error: { message: `bad ${secret}` } } })}\n\n`,
      'text/event-stream',
    ],
  ])('not even where an upstream echoes it in %s', async (where, status, answer, contentType) => {
    const server = await echo(status, answer, contentType);
    try {
      for (const [credential, env] of [
        [{ secret_key_ref: { env: 'TOKEN' } }, { TOKEN: 'dapi-very-secret' }],
        [{ oauth: { ...OAUTH.oauth, token_url: `${upstream.url}/oidc/v1/token` } }, BY_OAUTH],
      ] as const) {
        let token = 'dapi-very-secret';
        const gateway = await start(credential, env, {
          baseUrl: server.baseUrl,
          fetchToken: async (request) => {
            const outcome = await fetchToken(request);
            if (outcome.kind === 'granted') token = outcome.token;
            return outcome;
          },
        });
        const stream = contentType === 'text/event-stream';
        const response =
          where === A_FAILED_RESPONSE ? await respond(gateway) : await chat(gateway, { stream });
        const answered = await response.text();
        expect(answered).toMatch(/redacted|error/);
        const shown = [
          JSON.stringify([...response.headers]),
          answered,
          ...gateway.spool.appended.map(({ json }) => json),
          ...gateway.logged,
          await gateway.metrics.text(),
          JSON.stringify(await ready(gateway)),
        ].join('\n');
        for (const secret of [token, 'dapi-very-secret', CLIENT.clientSecret])
          expect(shown).not.toContain(secret);
        await gateway.close();
        under = null;
      }
    } finally {
      server.stop();
    }
  });
});
