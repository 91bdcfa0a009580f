import { statSync } from 'node:fs';
import { hashCredential } from '@tollgate/http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type DirectoryUnderTest,
  directoryUnderTest,
  publishedEvents,
  smallCompany,
} from './testing/directory-under-test.ts';

let under: DirectoryUnderTest;
let company: Awaited<ReturnType<typeof smallCompany>>;

beforeAll(async () => {
  under = await directoryUnderTest();
  company = await smallCompany(under);
});
afterAll(async () => {
  await under?.stop();
});

test('the first start writes a platform token to a file that its owner alone can read', async () => {
  expect(under.bootstrapToken).toMatch(/^tgs_[A-Za-z0-9_-]{43}$/);
  expect(statSync(under.bootstrapTokenFile).mode & 0o777).toBe(0o600);
  const { items } = await under.must('GET', '/v1/access-tokens?principal_id=bootstrap');
  expect(items).toMatchObject([
    { name: 'bootstrap', roles: ['platform'], organisation_id: null, expires_at: null },
  ]);
});

test('a second start makes no other bootstrap token', async () => {
  const second = await directoryUnderTest({ database: under.database });
  try {
    expect(second.bootstrapToken).toBe('');
    expect((await second.call('GET', '/v1/teams', undefined, under.bootstrapToken)).status).toBe(200);
  } finally {
    await second.stop();
  }
});

test('a key is shown once and kept nowhere but as its hash', async () => {
  const made = await under.must('POST', '/v1/api-keys', {
    team_id: company.search.id,
    project_id: company.project.id,
    name: 'production',
    tags: { env: 'prod' },
  });
  expect(made.secret).toMatch(/^tgk_[A-Za-z0-9_-]{43}$/);
  expect(made).toMatchObject({
    organisation_id: company.organisation.id,
    principal_type: 'key',
    principal_id: made.id,
  });
  const read = await under.must('GET', `/v1/api-keys/${made.id}`);
  expect(Object.keys(read)).not.toContain('secret');
  expect(Object.keys(read)).not.toContain('sha256');
  const [state] = await publishedEvents(under, 'tollgate.directory.v1', `api-key/${made.id}`, 1);
  expect(state.data.entity).toMatchObject({
    sha256: hashCredential(made.secret),
    team_id: company.search.id,
    project_id: company.project.id,
    tags: { env: 'prod' },
  });
  const [act] = await publishedEvents(under, 'tollgate.admin.v1', `api-key/${made.id}`, 1);
  expect(act.data.action).toBe('api-key.create');
  expect(JSON.stringify(act)).not.toContain(hashCredential(made.secret));
  const everywhere = under.published.map(({ value }) => value.toString()).join('\n');
  expect(everywhere).not.toContain(made.secret);
  const { rows } = await under.pool.query('SELECT row_to_json(api_key)::text AS row FROM api_key');
  expect(JSON.stringify(rows)).not.toContain(made.secret);
});

test('a revoked key is told as deleted, under a greater version', async () => {
  const made = await under.must('POST', '/v1/api-keys', { team_id: company.search.id, name: 'revoked' });
  expect((await under.call('DELETE', `/v1/api-keys/${made.id}`)).status).toBe(204);
  const states = await publishedEvents(under, 'tollgate.directory.v1', `api-key/${made.id}`, 2);
  expect(states.map(({ data }) => [data.entity.version, data.entity.deleted])).toEqual([
    [1, false],
    [2, true],
  ]);
});

test('a key that stands for somebody needs to say for whom, and one that does not must not', async () => {
  const base = { team_id: company.search.id, name: 'whose' };
  for (const body of [
    { ...base, principal_type: 'user' },
    { ...base, principal_id: company.user.id },
    { ...base, principal_type: 'key', principal_id: company.user.id },
  ]) {
    const answer = await under.call('POST', '/v1/api-keys', body);
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ field: 'principal_id' }] } });
  }
  // A service principal is no user.
  const wrong = { ...base, principal_type: 'user', principal_id: company.robot.id };
  expect((await under.call('POST', '/v1/api-keys', wrong)).body.code).toBe('unknown_reference');
  const made = await under.must('POST', '/v1/api-keys', {
    ...base,
    principal_type: 'service',
    principal_id: company.robot.id,
  });
  expect(made.principal_id).toBe(company.robot.id);
});

test('an expiry lies ahead, and not beyond the longest life', async () => {
  for (const expires_at of ['2026-03-01T12:00:00Z', '2020-01-01T00:00:00Z', '2099-01-01T00:00:00Z']) {
    const body = { team_id: company.search.id, name: 'expiring', expires_at };
    const answer = await under.call('POST', '/v1/api-keys', body);
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ field: 'expires_at' }] } });
  }
  const made = await under.must('POST', '/v1/api-keys', {
    team_id: company.search.id,
    name: 'expiring',
    expires_at: '2026-03-01T12:00:00.001Z',
  });
  const changed = await under.must('PATCH', `/v1/api-keys/${made.id}`, { version: 1, expires_at: null });
  expect(changed.expires_at).toBeNull();
});

test('a key is renamed and tagged anew without a change of its secret', async () => {
  const made = await under.must('POST', '/v1/api-keys', { team_id: company.search.id, name: 'old name' });
  await under.must('PATCH', `/v1/api-keys/${made.id}`, { version: 1, name: 'new name', tags: { a: 'b' } });
  const states = await publishedEvents(under, 'tollgate.directory.v1', `api-key/${made.id}`, 2);
  expect(states[1].data.entity).toMatchObject({ name: 'new name', tags: { a: 'b' }, version: 2 });
  expect(states[1].data.entity.sha256).toBe(states[0].data.entity.sha256);
});

test('a gateway registers its key, repeats that freely, and cannot replace the key of another', async () => {
  const { secret } = await under.must('POST', '/v1/access-tokens', {
    principal_type: 'service',
    principal_id: 'gateway',
    name: 'gateway',
    scopes: ['gateway:register'],
  });
  const key = (letter: string) => `${letter.repeat(43)}=`;
  const register = (public_key: string, token = secret) =>
    under.call('POST', '/v1/gateway-instances', { instance: 'gw-1', public_key }, token);
  const answers = await Promise.all([register(key('A')), register(key('A')), register(key('A'))]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 201]);
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  expect(await register(key('B'))).toMatchObject({ status: 403, body: { code: 'instance_key_differs' } });
  expect(await register(key('B'), under.bootstrapToken)).toMatchObject({
    status: 200,
    body: { public_key: key('B'), version: 2 },
  });
  expect(await register('short')).toMatchObject({ status: 400, body: { errors: [{ field: 'public_key' }] } });
});

test('the last token that can assign roles for the whole installation is not revoked', async () => {
  const { items } = await under.must('GET', '/v1/access-tokens?principal_id=bootstrap');
  const revoke = () => under.call('DELETE', `/v1/access-tokens/${items[0].id}`);
  expect((await revoke()).body.code).toBe('last_administrator');
  const base = { principal_type: 'service', principal_id: 'admin', roles: ['platform'] };
  const soon = new Date(under.clock.nowMs + 1_000).toISOString();
  await under.must('POST', '/v1/access-tokens', { ...base, name: 'expires', expires_at: soon });
  under.clock.nowMs += 1_000;
  expect((await revoke()).body.code).toBe('last_administrator');
  const other = await under.must('POST', '/v1/access-tokens', { ...base, name: 'stays' });
  expect((await revoke()).status).toBe(204);
  expect((await under.call('GET', '/v1/teams', undefined, other.secret)).status).toBe(200);
});
