import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { DirectoryEntity } from '@tollgate/events';
import { DirectoryView } from '@tollgate/http';
import { createMetrics } from '@tollgate/telemetry';
import { until } from '@tollgate/testing';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  authenticateTestKey,
  type GatewayUnderTest,
  PushedClock,
  startGatewayUnderTest,
  TEST_KEY,
  testPolicy,
} from '../../testing/gateway-under-test.ts';
import { type RecordingUpstream, startRecordingUpstream } from '../../testing/recording-upstream.ts';
import { DirectoryUsers } from './directory-users.ts';
import { IdentityProvider, type OidcSettings } from './identity-provider.ts';
import { OidcAuthentication } from './oidc-authentication.ts';

const MODEL = 'databricks-meta-llama-3-3-70b-instruct';

/** An OpenID provider with keys of its own. */
interface Provider {
  readonly issuer: string;
  /** How its keys are served: as they should be, not at all, or never. */
  mode: 'up' | 'error' | 'hang';
  /** How often they were asked for. */
  asked: number;
  /** Signs with a key from now on that it publishes under this name. */
  rotate(kid: string): Promise<void>;
  token(
    claims?: JWTPayload,
    more?: { readonly key?: CryptoKey; readonly kid?: string; readonly endless?: boolean },
  ): Promise<string>;
  close(): void;
}

async function startProvider(): Promise<Provider> {
  let key = (await generateKeyPair('ES256')).privateKey;
  let published: object[] = [];
  let current = '';
  const server = createServer((req, res) => {
    if (provider.mode === 'hang') return;
    const { issuer } = provider;
    const configuration = { issuer, jwks_uri: `${issuer}/keys` };
    if (req.url === '/keys') provider.asked += 1;
    res.writeHead(provider.mode === 'up' ? 200 : 500, { 'content-type': 'application/json' });
    res.end(JSON.stringify(req.url === '/keys' ? { keys: published } : configuration));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const provider: Provider = {
    issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mode: 'up',
    asked: 0,
    async rotate(kid) {
      const pair = await generateKeyPair('ES256');
      key = pair.privateKey;
      current = kid;
      published = [{ ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256', use: 'sig' }];
    },
    token: (claims = {}, more = {}) =>
      new SignJWT({
        sub: 'ann',
        iss: provider.issuer,
        aud: 'tollgate',
        ...(more.endless === true ? {} : { exp: inSeconds(600) }),
        ...claims,
      })
        .setProtectedHeader({ alg: 'ES256', kid: more.kid ?? current })
        .sign(more.key ?? key),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  await provider.rotate('first');
  return provider;
}

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

const base = { version: 1, deleted: false, organisation_id: 'org_1' };
const ann = (more: object = {}): DirectoryEntity => ({
  ...base,
  kind: 'user',
  id: 'user_ann',
  name: 'Ann',
  external_subject: 'ann',
  group_ids: ['group_1'],
  ...more,
});
const team = (id: string, name: string): DirectoryEntity => ({
  ...base,
  kind: 'team',
  id,
  name,
  cost_centre_id: 'cc_1',
});
const memberOf = (id: string, team_id: string, more: object = {}): DirectoryEntity => ({
  ...base,
  kind: 'group-role',
  id,
  group_id: 'group_1',
  role: 'team',
  team_id,
  ...more,
});

let provider: Provider;
let upstream: RecordingUpstream;
let under: GatewayUnderTest | null = null;
let view: DirectoryView;
let clock: PushedClock;
let oidc: OidcAuthentication;

beforeEach(async () => {
  [provider, upstream] = await Promise.all([startProvider(), startRecordingUpstream()]);
  view = new DirectoryView();
  for (const entity of [
    ann(),
    team('team_1', 'Search'),
    team('team_2', 'Sales'),
    memberOf('role_1', 'team_1'),
  ])
    view.applyEntity(entity);
});
afterEach(async () => {
  await under?.close();
  under = null;
  await upstream.close();
  provider.close();
});

async function start(
  settings: Partial<OidcSettings> = {},
  more: { readonly deadlineMs?: number; readonly isCurrent?: boolean } = {},
): Promise<void> {
  clock = new PushedClock();
  const { isCurrent = true, ...rest } = more;
  const provided = new IdentityProvider(
    {
      issuer: provider.issuer,
      audience: 'tollgate',
      jwksUrl: null,
      algorithms: ['RS256', 'ES256'],
      clockSkewSeconds: 30,
      userClaim: 'sub',
      teamClaim: null,
      ...settings,
    },
    clock,
  );
  oidc = new OidcAuthentication({
    provider: provided,
    users: new DirectoryUsers(view, clock),
    isCurrent: () => isCurrent,
    clock,
    metrics: createMetrics(),
    ...rest,
  });
  under = await startGatewayUnderTest(testPolicy({ baseUrl: upstream.baseUrl }), {
    authenticate: oidc.beside(authenticateTestKey),
    clock,
  });
}

function chat(token: string): Promise<Response> {
  return fetch(`${under?.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'x' }], max_tokens: 1 }),
  });
}

async function codeOf(answer: Promise<Response>): Promise<[number, string | null]> {
  const response = await answer;
  const body = (await response.json()) as { error?: { code: string } };
  return [response.status, body.error?.code ?? null];
}

const OK = [200, null];

describe('a token of the identity provider', () => {
  test('lets a user of the directory in, whose calls are attributed to the team of the user', async () => {
    await start();
    expect(await codeOf(chat(await provider.token()))).toEqual(OK);
    for (const { data } of under?.spool.events() ?? []) {
      expect(data).toMatchObject({
        attribution: {
          organisation_id: 'org_1',
          team_id: 'team_1',
          cost_centre_id: 'cc_1',
          principal_type: 'user',
          principal_id: 'user_ann',
          key_id: 'oidc',
        },
      });
    }
    const listed = await fetch(`${under?.url}/v1/models`, {
      headers: { authorization: `Bearer ${await provider.token()}` },
    });
    expect(listed.status).toBe(200);
  });

  test('leaves keys as they are', async () => {
    await start();
    expect(await codeOf(chat(TEST_KEY))).toEqual(OK);
    expect(await codeOf(chat('tgk_other'))).toEqual([401, 'invalid_api_key']);
    expect(provider.asked).toBe(0);
  });

  test('is verified once for all requests that show it, also at the same time, and the keys are fetched once', async () => {
    await start();
    const token = await provider.token();
    const answers = await Promise.all(Array.from({ length: 20 }, () => codeOf(chat(token))));
    expect(answers).toEqual(Array(20).fill(OK));
    provider.mode = 'error';
    expect(await codeOf(chat(token))).toEqual(OK);
    expect(provider.asked).toBe(1);
  });

  test('is refused from its end on, give or take the allowed skew', async () => {
    await start();
    const token = await provider.token({ exp: inSeconds(60) });
    expect(await codeOf(chat(token))).toEqual(OK);
    clock.shiftMs = 85_000;
    expect(await codeOf(chat(token))).toEqual(OK);
    clock.shiftMs = 95_000;
    expect(await codeOf(chat(token))).toEqual([401, 'expired_token']);
  });

  test('is not believed for longer than ten minutes without being verified again', async () => {
    await start();
    const token = await provider.token({ exp: inSeconds(36_000) });
    expect(await codeOf(chat(token))).toEqual(OK);
    await provider.rotate('second');
    clock.shiftMs = 590_000;
    expect(await codeOf(chat(token))).toEqual(OK);
  });

  test.each<[string, () => Promise<string>]>([
    ['of another issuer', () => provider.token({ iss: 'https://elsewhere.example' })],
    ['for another audience', () => provider.token({ aud: 'others' })],
    ['without an end', () => provider.token({}, { endless: true })],
    ['that is not valid yet', () => provider.token({ nbf: inSeconds(300) })],
    [
      'signed by another key',
      async () => provider.token({}, { key: (await generateKeyPair('ES256')).privateKey }),
    ],
    ['of an unknown key', () => provider.token({}, { kid: 'unknown' })],
    ['without a user', () => provider.token({ sub: '' })],
    [
      'signed with the public key as a secret',
      () =>
        new SignJWT({ sub: 'ann', iss: provider.issuer, aud: 'tollgate', exp: inSeconds(60) })
          .setProtectedHeader({ alg: 'HS256', kid: 'first' })
          .sign(new TextEncoder().encode('a public key that everybody knows')),
    ],
    [
      'that is changed',
      async () => {
        const [head, , signature] = (await provider.token()).split('.');
        const claims = { sub: 'ann', iss: provider.issuer, aud: 'tollgate', exp: inSeconds(9999) };
        return [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
      },
    ],
  ])('%s is refused', async (_, token) => {
    await start();
    const answer = await chat(await token());
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(await codeOf(Promise.resolve(answer))).toEqual([401, 'invalid_token']);
  });

  test('without any signature is none', async () => {
    await start();
    const token = new UnsecuredJWT({ sub: 'ann', iss: provider.issuer, aud: 'tollgate' })
      .setExpirationTime('1h')
      .encode();
    expect((await codeOf(chat(token)))[0]).toBe(401);
  });

  test('of a key that the provider rotated in is accepted', async () => {
    await start();
    expect(await codeOf(chat(await provider.token()))).toEqual(OK);
    await provider.rotate('second');
    const token = await provider.token();
    // An unknown key has the keys read again, though not more often than every half minute.
    const realNow = Date.now;
    Date.now = () => realNow() + 31_000;
    try {
      expect(await codeOf(chat(token))).toEqual(OK);
    } finally {
      Date.now = realNow;
    }
    expect(provider.asked).toBe(2);
  });
});

describe('a provider that is away', () => {
  test.each(['error', 'hang'] as const)(
    'in state %s refuses new tokens in time, and no key',
    async (mode) => {
      await start({}, { deadlineMs: 1_000 });
      provider.mode = mode;
      const token = await provider.token();
      expect(await codeOf(chat(token))).toEqual([503, 'identity_unavailable']);
      expect(oidc.warning()).toMatch(/identity provider/);
      expect(await codeOf(chat(TEST_KEY))).toEqual(OK);
      provider.mode = 'up';
      await until(async () => (await chat(token)).status === 200, { timeoutMs: 20_000, intervalMs: 100 });
      expect(oidc.warning()).toBeNull();
    },
  );

  test('whose configuration is of another issuer is not believed', async () => {
    await start({ issuer: provider.issuer.replace('127.0.0.1', 'localhost') });
    expect(await codeOf(chat(await provider.token()))).toEqual([503, 'identity_unavailable']);
  });
});

describe('whom the directory does not let in', () => {
  test('is told that it is not known, until it is', async () => {
    await start();
    const token = await provider.token({ sub: 'bob' });
    expect(await codeOf(chat(token))).toEqual([403, 'unknown_user']);
    view.applyEntity(ann({ id: 'user_bob', external_subject: 'bob' }));
    expect(await codeOf(chat(token))).toEqual(OK);
    view.applyEntity(ann({ id: 'user_bob', external_subject: 'bob', version: 2, deleted: true }));
    expect(await codeOf(chat(token))).toEqual([403, 'unknown_user']);
  });

  test('is not called unknown while the directory is out of reach', async () => {
    await start({}, { isCurrent: false });
    expect(await codeOf(chat(await provider.token({ sub: 'bob' })))).toEqual([503, 'directory_stale']);
  });

  test('has a subject that two users claim', async () => {
    view.applyEntity(ann({ id: 'user_other' }));
    await start();
    expect(await codeOf(chat(await provider.token()))).toEqual([403, 'unknown_user']);
  });

  test('has a role in no team, in several that no claim tells apart, or in one of another organisation', async () => {
    await start();
    const token = await provider.token();
    view.applyEntity(memberOf('role_2', 'team_2'));
    expect(await codeOf(chat(token))).toEqual([403, 'no_team']);
    view.applyEntity(memberOf('role_2', 'team_2', { version: 2, deleted: true }));
    expect(await codeOf(chat(token))).toEqual(OK);
    view.applyEntity(memberOf('role_1', 'team_1', { version: 2, deleted: true }));
    expect(await codeOf(chat(token))).toEqual([403, 'no_team']);
    view.applyEntity(memberOf('role_3', 'team_1', { organisation_id: 'org_2' }));
    expect(await codeOf(chat(token))).toEqual([403, 'no_team']);
  });
});

test('a claim names one of the teams of a user, and no other', async () => {
  view.applyEntity(memberOf('role_2', 'team_2'));
  view.applyEntity(team('team_3', 'Secret'));
  await start({ teamClaim: 'team', userClaim: 'email' });
  const withTeam = (name: string | null) => provider.token({ email: 'ann', team: name });
  expect(await codeOf(chat(await withTeam('Sales')))).toEqual(OK);
  expect(under?.spool.events().at(-1)?.data).toMatchObject({ attribution: { team_id: 'team_2' } });
  expect(await codeOf(chat(await withTeam('team_1')))).toEqual(OK);
  expect(await codeOf(chat(await withTeam('Secret')))).toEqual([403, 'no_team']);
  expect(await codeOf(chat(await withTeam(null)))).toEqual([403, 'no_team']);
});

test('a caller that leaves, and a gateway that stops, while a token is verified', async () => {
  provider.mode = 'hang';
  await start({}, { deadlineMs: 400 });
  const controller = new AbortController();
  const left = fetch(`${under?.url}/v1/models`, {
    headers: { authorization: `Bearer ${await provider.token()}` },
    signal: controller.signal,
  });
  const stopped = codeOf(chat(await provider.token({ jti: '2' })));
  await until(() => (under?.gateway.connections() ?? 0) >= 2, { timeoutMs: 5_000 });
  controller.abort();
  await expect(left).rejects.toThrow();
  const closed = under?.gateway.close(1_000);
  expect((await stopped)[0]).toBe(503);
  await closed;
  expect(under?.spool.openHolds).toBe(0);
});

test('the same user gives the same object for as long as nothing changes', () => {
  const users = new DirectoryUsers(view, new PushedClock());
  const first = users.caller('ann', null);
  expect(first).toMatchObject({ teamId: 'team_1' });
  expect(users.caller('ann', null)).toBe(first);
  view.applyEntity({
    ...base,
    kind: 'team',
    id: 'team_1',
    name: 'Search',
    version: 2,
    cost_centre_id: 'cc_2',
  });
  expect(users.caller('ann', null)).toMatchObject({ costCentreId: 'cc_2' });
});
