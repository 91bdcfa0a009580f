import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type DirectoryUnderTest,
  directoryUnderTest,
  MAX_GRANT_MS,
  publishedEvents,
  smallCompany,
  tokenWith,
} from './testing/directory-under-test.ts';

const MINUTE_MS = 60_000;

let under: DirectoryUnderTest;
let company: Awaited<ReturnType<typeof smallCompany>>;
let grantee: { id: string };
let granteeToken: string;
let approverToken: string;
let people = 0;

beforeAll(async () => {
  under = await directoryUnderTest();
  company = await smallCompany(under);
});
afterAll(async () => {
  await under?.stop();
});

async function person(rights: { roles?: string[]; scopes?: string[] }) {
  const user = await company.make('users', { name: `Person ${people++}` });
  const token = await tokenWith(under, {
    organisation_id: company.organisation.id,
    principal_type: 'user',
    principal_id: user.id,
    ...rights,
  });
  return { user, token };
}

beforeEach(async () => {
  const one = await person({});
  grantee = one.user;
  granteeToken = one.token;
  approverToken = (await person({ roles: ['security'] })).token;
});

function request(more: object = {}, token = under.bootstrapToken) {
  const body = {
    organisation_id: company.organisation.id,
    principal_id: grantee.id,
    role: 'finance',
    reason: 'closing the month',
    expires_at: new Date(under.clock.nowMs + 10 * MINUTE_MS).toISOString(),
    ...more,
  };
  return under.call('POST', '/v1/role-grants', body, token);
}

const approve = (grant: { id: string; version: number }, token: string) =>
  under.call('POST', `/v1/role-grants/${grant.id}/approve`, { version: grant.version }, token);

const mayRead = async () => (await under.call('GET', '/v1/teams', undefined, granteeToken)).status === 200;

test('a grant counts from its approval by a second person until it expires', async () => {
  const asked = await request();
  expect(asked).toMatchObject({ status: 201, body: { approved_by: null, requested_by: 'bootstrap' } });
  expect(await mayRead()).toBe(false);
  const approved = await approve(asked.body, approverToken);
  expect(approved.status).toBe(200);
  expect(await mayRead()).toBe(true);
  under.clock.nowMs += 10 * MINUTE_MS - 1;
  expect(await mayRead()).toBe(true);
  under.clock.nowMs += 1;
  expect(await mayRead()).toBe(false);
});

test('a request is told to nobody before its approval, and its approval says who, why and until when', async () => {
  const asked = await request();
  const approved = await approve(asked.body, approverToken);
  const subject = `role-grant/${asked.body.id}`;
  const states = await publishedEvents(under, 'tollgate.directory.v1', subject, 1);
  expect(states.map(({ data }) => data.entity)).toMatchObject([
    { version: 2, approved_by: approved.body.approved_by, reason: 'closing the month', role: 'finance' },
  ]);
  const acts = await publishedEvents(under, 'tollgate.admin.v1', subject, 2);
  expect(acts.map(({ data }) => [data.action, data.actor.id, data.reason])).toEqual([
    ['role-grant.request', 'bootstrap', null],
    ['role-grant.approve', approved.body.approved_by, 'closing the month'],
  ]);
});

test('neither who asked nor who gets the role can approve, and the attempt is recorded', async () => {
  const selfish = await person({ roles: ['security'] });
  for (const body of [{ principal_id: selfish.user.id }, {}]) {
    // Asked by a third person for the approver; then asked by the approver for a third person.
    const asked = await request(body, 'principal_id' in body ? under.bootstrapToken : selfish.token);
    const answer = await approve(asked.body, selfish.token);
    expect(answer).toMatchObject({ status: 403, body: { code: 'approver_not_allowed' } });
    const acts = await publishedEvents(under, 'tollgate.admin.v1', `role-grant/${asked.body.id}`, 2);
    expect(acts[1].data).toMatchObject({
      action: 'role-grant.approve',
      outcome: 'refused',
      code: 'approver_not_allowed',
      actor: { id: selfish.user.id },
    });
    expect((await under.must('GET', `/v1/role-grants/${asked.body.id}`)).approved_by).toBeNull();
  }
});

test('the database itself refuses a grant that its own asker or holder approved', async () => {
  const asked = await request();
  for (const approver of [grantee.id, 'bootstrap']) {
    await expect(
      under.pool.query('UPDATE role_grant SET approved_by = $2, approved_at = now() WHERE id = $1', [
        asked.body.id,
        approver,
      ]),
    ).rejects.toThrow('check constraint');
  }
});

test('an approver needs the right to approve', async () => {
  const asked = await request();
  const finance = await person({ roles: ['finance'] });
  expect((await approve(asked.body, finance.token)).body.code).toBe('scope_missing');
});

test('a grant is approved once, as it was asked for, and not after it has expired', async () => {
  const asked = await request();
  expect((await approve({ ...asked.body, version: 7 }, approverToken)).body.code).toBe('version_conflict');
  const approved = await approve(asked.body, approverToken);
  expect((await approve(approved.body, approverToken)).body.code).toBe('grant_settled');
  const late = await request();
  under.clock.nowMs += 10 * MINUTE_MS;
  expect((await approve(late.body, approverToken)).body.code).toBe('grant_settled');
});

test('an expiry is needed, lies ahead, and not beyond the longest grant', async () => {
  expect(await request({ expires_at: undefined })).toMatchObject({
    status: 400,
    body: { errors: [{ field: 'expires_at' }] },
  });
  for (const aheadMs of [0, -1, MAX_GRANT_MS + 1]) {
    const answer = await request({ expires_at: new Date(under.clock.nowMs + aheadMs).toISOString() });
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ field: 'expires_at' }] } });
  }
  expect(
    (await request({ expires_at: new Date(under.clock.nowMs + MAX_GRANT_MS).toISOString() })).status,
  ).toBe(201);
});

test('a reason is needed', async () => {
  for (const reason of [undefined, '', ' ']) {
    expect(await request({ reason })).toMatchObject({ status: 400, body: { errors: [{ field: 'reason' }] } });
  }
});

test('a grant of the role team is for one team', async () => {
  expect(await request({ role: 'team' })).toMatchObject({
    status: 422,
    body: { errors: [{ field: 'team_id' }] },
  });
  const asked = await request({ role: 'team', team_id: company.ads.id });
  await approve(asked.body, approverToken);
  const { items } = await under.must('GET', '/v1/teams', undefined, granteeToken);
  expect(items.map((item: { name: string }) => item.name)).toEqual(['Ads']);
});

test('a grant can be ended before it expires', async () => {
  const asked = await request();
  await approve(asked.body, approverToken);
  expect(await mayRead()).toBe(true);
  expect((await under.call('DELETE', `/v1/role-grants/${asked.body.id}`)).status).toBe(204);
  expect(await mayRead()).toBe(false);
});
