import type { DirectoryEntity } from '@tollgate/events';
import { DirectoryView } from '@tollgate/http';
import { expect, test } from 'vitest';
import {
  startGatewayUnderTest,
  TEST_KEY,
  testCaller,
  testChain,
  testPolicy,
} from '../testing/gateway-under-test.ts';
import { startRecordingUpstream } from '../testing/recording-upstream.ts';
import { rolesByDirectory } from './caller-roles.ts';

const NOW = Date.parse('2026-03-01T09:30:10.000Z');
const base = { version: 1, deleted: false, organisation_id: 'org_1' };
const groupRole = (role: string, more: object = {}): DirectoryEntity => ({
  ...base,
  kind: 'group-role',
  id: `role_${role}`,
  group_id: 'group_1',
  role,
  team_id: null,
  ...more,
});
const grant = (role: string, expires_at: string): DirectoryEntity => ({
  ...base,
  kind: 'role-grant',
  id: `grant_${role}`,
  principal_id: testCaller.principalId,
  role,
  team_id: null,
  reason: 'on call',
  approved_by: 'user_1',
  expires_at,
});

function rolesWith(...entities: DirectoryEntity[]): readonly string[] {
  const view = new DirectoryView();
  view.applyEntity({
    ...base,
    kind: 'service-principal',
    id: testCaller.principalId,
    name: 'bot',
    group_ids: ['group_1'],
  });
  for (const entity of entities) view.applyEntity(entity);
  return rolesByDirectory(view, { now: () => NOW, monotonic: () => 0 })(testCaller);
}

test('a caller has the roles of its groups, and those granted until later', () => {
  expect(
    rolesWith(
      groupRole('analyst'),
      groupRole('elsewhere', { group_id: 'group_2' }),
      grant('engineer', '2026-03-01T10:00:00Z'),
      grant('admin', '2026-03-01T09:00:00Z'),
    ),
  ).toEqual(['analyst', 'engineer']);
});

test('a role of one team counts for the keys of that team alone, one of another organisation for none', () => {
  expect(
    rolesWith(
      groupRole('here', { team_id: testCaller.teamId }),
      groupRole('there', { team_id: 'team_2' }),
      groupRole('foreign', { organisation_id: 'org_2' }),
    ),
  ).toEqual(['here']);
});

test('who is not known has no role', () => {
  const roles = rolesByDirectory(new DirectoryView(), { now: () => NOW, monotonic: () => 0 });
  expect(roles(testCaller)).toEqual([]);
});

test('a role that the directory gives while the gateway runs lets the next request in', async () => {
  const view = new DirectoryView();
  view.applyEntity({
    ...base,
    kind: 'service-principal',
    id: testCaller.principalId,
    name: 'bot',
    group_ids: ['group_1'],
  });
  const upstream = await startRecordingUpstream();
  const model = 'databricks-meta-llama-3-3-70b-instruct';
  const rbac = { roles: { analyst: { allowed_models: [model] } } };
  const chain = testChain(
    { chain: ['rbac'] },
    { rbac },
    rolesByDirectory(view, { now: () => NOW, monotonic: () => 0 }),
  );
  const under = await startGatewayUnderTest(testPolicy({ baseUrl: upstream.baseUrl, policy: { chain } }));
  const ask = () =>
    fetch(`${under.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TEST_KEY}` },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'x' }], max_tokens: 1 }),
    });
  try {
    const refused = await ask();
    expect([refused.status, await refused.json()]).toMatchObject([403, { error: { code: 'no_role' } }]);
    view.applyEntity(groupRole('analyst'));
    expect((await ask()).status).toBe(200);
    view.applyEntity(groupRole('analyst', { version: 2, deleted: true }));
    expect((await ask()).status).toBe(403);
  } finally {
    await under.close();
    await upstream.close();
  }
});
