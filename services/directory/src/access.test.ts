import { ROLE_SCOPES } from '@tollgate/http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type DirectoryUnderTest,
  directoryUnderTest,
  smallCompany,
  tokenWith,
} from './testing/directory-under-test.ts';

type Operation = { readonly operationId: string; readonly security: unknown[]; readonly description: string };
type Document = { readonly paths: Record<string, Record<string, Operation>> };

const OPEN = new Set(['getHealth', 'getReadiness']);

let under: DirectoryUnderTest;
let company: Awaited<ReturnType<typeof smallCompany>>;

beforeAll(async () => {
  under = await directoryUnderTest();
  company = await smallCompany(under);
});
afterAll(async () => {
  await under?.stop();
});

function operations() {
  const { paths } = under.directory.http.openApi as Document;
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      method: method.toUpperCase(),
      url: path.replaceAll(/\{[a-z]+\}/gi, 'some_id'),
      operation,
    })),
  );
}

describe('every operation of the OpenAPI document', () => {
  test('but the health checks refuses a call without a token, with an unknown one and with an API key', async () => {
    const key = await under.must('POST', '/v1/api-keys', { team_id: company.search.id, name: 'no token' });
    for (const { method, url, operation } of operations()) {
      if (OPEN.has(operation.operationId)) continue;
      for (const token of ['', 'tgs_unknown', key.secret]) {
        const answer = await under.call(method, url, undefined, token);
        const code = token === '' ? 'token_missing' : 'token_invalid';
        expect([method, url, answer.status, answer.body.code]).toEqual([method, url, 401, code]);
        expect(answer.headers['www-authenticate']).toContain('Bearer');
      }
    }
    expect(operations().length).toBeGreaterThan(50);
  });

  test('refuses a token that holds every scope but its own', async () => {
    for (const { method, url, operation } of operations()) {
      const scope = /Scope: `([a-z-]+:[a-z]+)`/.exec(operation.description)?.[1];
      if (scope === undefined) {
        expect([...OPEN, 'getOpenApi']).toContain(operation.operationId);
        continue;
      }
      const all = [...new Set(Object.values(ROLE_SCOPES).flat())];
      const token = await wrongTokenFor(
        scope,
        all.filter((other) => other !== scope),
      );
      const answer = await under.call(method, url, undefined, token);
      expect([method, url, answer.status, answer.body.code]).toEqual([method, url, 403, 'scope_missing']);
    }
  });

  test('answers an unknown method with 405 and what is allowed', async () => {
    const { paths } = under.directory.http.openApi as Document;
    for (const [path, item] of Object.entries(paths)) {
      const answer = await under.call('PUT', path.replaceAll(/\{[a-z]+\}/gi, 'some_id'), undefined, '');
      expect([path, answer.status]).toEqual([path, 405]);
      const allowed = String(answer.headers['allow']).split(', ');
      expect(allowed.filter((method) => method !== 'HEAD').toSorted()).toEqual(
        Object.keys(item)
          .map((method) => method.toUpperCase())
          .toSorted(),
      );
    }
  });
});

const wrongTokens = new Map<string, string>();
async function wrongTokenFor(scope: string, scopes: string[]): Promise<string> {
  const token = wrongTokens.get(scope) ?? (await tokenWith(under, { scopes }));
  wrongTokens.set(scope, token);
  return token;
}

describe('a token', () => {
  test('of one organisation sees and changes nothing of another', async () => {
    const other = await under.must('POST', '/v1/organisations', { name: 'Rival', currency: 'USD' });
    const boss = await under.must('POST', '/v1/users', { organisation_id: other.id, name: 'Boss' });
    const token = await tokenWith(under, {
      organisation_id: other.id,
      principal_type: 'user',
      principal_id: boss.id,
      roles: ['platform'],
    });
    const call = (method: string, url: string, body?: object) => under.call(method, url, body, token);
    expect((await call('GET', '/v1/teams')).body.items).toEqual([]);
    expect(
      (await call('GET', '/v1/organisations')).body.items.map((item: { id: string }) => item.id),
    ).toEqual([other.id]);
    expect((await call('GET', `/v1/teams/${company.search.id}`)).status).toBe(404);
    expect((await call('PATCH', `/v1/teams/${company.search.id}`, { version: 1, name: 'Mine' })).status).toBe(
      404,
    );
    expect((await call('DELETE', `/v1/users/${company.user.id}`)).status).toBe(404);
    const abroad = { organisation_id: company.organisation.id, name: 'X' };
    expect((await call('POST', '/v1/teams', abroad)).body.code).toBe('out_of_reach');
    expect((await call('POST', '/v1/projects', { team_id: company.search.id, name: 'X' })).body.code).toBe(
      'out_of_reach',
    );
    expect((await call('POST', '/v1/organisations', { name: 'Third', currency: 'USD' })).body.code).toBe(
      'out_of_reach',
    );
    const wide = { principal_type: 'service', principal_id: 'x', name: 'x', roles: ['platform'] };
    expect((await call('POST', '/v1/access-tokens', wide)).body.code).toBe('out_of_reach');
    expect(
      (await call('POST', '/v1/gateway-instances', { instance: 'g', public_key: `${'A'.repeat(43)}=` })).body
        .code,
    ).toBe('out_of_reach');
    expect((await call('POST', '/v1/teams', { organisation_id: other.id, name: 'Own' })).status).toBe(201);
  });

  test('of one team sees its team, and may make keys for it alone', async () => {
    const token = await tokenWith(under, {
      organisation_id: company.organisation.id,
      principal_type: 'user',
      principal_id: company.user.id,
      team_id: company.search.id,
      scopes: ['directory:read', 'keys:write'],
    });
    const teams = await under.must('GET', '/v1/teams', undefined, token);
    expect(teams.items.map((item: { name: string }) => item.name)).toEqual(['Search']);
    expect((await under.call('GET', `/v1/teams/${company.ads.id}`, undefined, token)).status).toBe(404);
    expect((await under.must('GET', '/v1/users', undefined, token)).items).toEqual([]);
    const key = (team: { id: string }, more: object = {}) =>
      under.call(
        'POST',
        '/v1/api-keys',
        { team_id: team.id, name: `own ${JSON.stringify(more)}`, ...more },
        token,
      );
    expect((await key(company.search)).status).toBe(201);
    expect((await key(company.ads)).body.code).toBe('out_of_reach');
    const own = { principal_type: 'user', principal_id: company.user.id };
    expect((await key(company.search, own)).status).toBe(201);
    const another = { principal_type: 'service', principal_id: company.robot.id };
    expect((await key(company.search, another)).body.code).toBe('scope_missing');
  });

  test('that may write the directory cannot give itself roles by a group', async () => {
    const group = await company.make('groups', { name: 'Bookkeepers' });
    await company.make('group-roles', { group_id: group.id, role: 'finance' });
    const token = await tokenWith(under, {
      organisation_id: company.organisation.id,
      principal_type: 'user',
      principal_id: company.user.id,
      scopes: ['directory:read', 'directory:write'],
    });
    const change = { version: 1, group_ids: [group.id] };
    const answer = await under.call('PATCH', `/v1/users/${company.user.id}`, change, token);
    expect(answer).toMatchObject({ status: 403, body: { code: 'scope_missing' } });
    expect((await under.must('GET', `/v1/users/${company.user.id}`)).group_ids).toEqual([]);
  });

  test('that names neither roles nor scopes has what its principal holds, from the next call on', async () => {
    const user = await company.make('users', { name: 'Katherine' });
    const token = await tokenWith(under, {
      organisation_id: company.organisation.id,
      principal_type: 'user',
      principal_id: user.id,
    });
    const reading = () => under.call('GET', '/v1/teams', undefined, token);
    expect((await reading()).body.code).toBe('scope_missing');
    const group = await company.make('groups', { name: 'Ads people' });
    const held = await company.make('group-roles', {
      group_id: group.id,
      role: 'team',
      team_id: company.ads.id,
    });
    await under.must('PATCH', `/v1/users/${user.id}`, { version: 1, group_ids: [group.id] });
    expect((await reading()).body.items.map((item: { name: string }) => item.name)).toEqual(['Ads']);
    await company.make('group-roles', { group_id: group.id, role: 'finance' });
    expect((await reading()).body.items.length).toBe(2);
    await under.must('PATCH', `/v1/users/${user.id}`, { version: 2, group_ids: [] });
    expect((await reading()).body.code).toBe('scope_missing');
    expect(held.team_id).toBe(company.ads.id);
  });

  test('expires at its instant, not before', async () => {
    const expires = new Date(under.clock.nowMs + 60_000).toISOString();
    const token = await tokenWith(under, { scopes: ['directory:read'], expires_at: expires });
    const reading = () => under.call('GET', '/v1/teams', undefined, token);
    under.clock.nowMs += 59_999;
    expect((await reading()).status).toBe(200);
    under.clock.nowMs += 1;
    expect((await reading()).body.code).toBe('token_expired');
  });

  test('is refused from the call after its revocation on', async () => {
    const made = await under.must('POST', '/v1/access-tokens', {
      principal_type: 'service',
      principal_id: 'tester',
      name: 'to be revoked',
      scopes: ['directory:read'],
    });
    expect((await under.call('GET', '/v1/teams', undefined, made.secret)).status).toBe(200);
    expect((await under.call('DELETE', `/v1/access-tokens/${made.id}`)).status).toBe(204);
    expect((await under.call('GET', '/v1/teams', undefined, made.secret)).body.code).toBe('token_invalid');
  });

  test('with the role team needs a team, and a team its organisation', async () => {
    const base = { principal_type: 'service', principal_id: 'x', name: 'x' };
    expect(await under.call('POST', '/v1/access-tokens', { ...base, roles: ['team'] })).toMatchObject({
      status: 422,
      body: { errors: [{ field: 'team_id' }] },
    });
    expect(await under.call('POST', '/v1/access-tokens', { ...base, team_id: company.ads.id })).toMatchObject(
      {
        status: 422,
        body: { errors: [{ field: 'organisation_id' }] },
      },
    );
    expect(await under.call('POST', '/v1/access-tokens', { ...base, scopes: ['everything'] })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'scopes.0' }] },
    });
  });
});
