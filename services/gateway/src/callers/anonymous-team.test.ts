import type { DirectoryEntity } from '@tollgate/events';
import { DirectoryView } from '@tollgate/http';
import { createSimulatedDatabricks } from '@tollgate/simulated-databricks';
import { expect, test } from 'vitest';
import { startGatewayUnderTest, testPolicy } from '../testing/gateway-under-test.ts';
import { AnonymousTeam } from './anonymous-team.ts';
import { authenticateByDirectory } from './directory-authentication.ts';

const team = (id: string, name: string, version = 1, deleted = false): DirectoryEntity => ({
  kind: 'team',
  id,
  version,
  deleted,
  organisation_id: 'org_1',
  name,
  cost_centre_id: 'cc_1',
});

function doorOf(wanted: string | null, current = true) {
  const view = new DirectoryView();
  const anonymous = wanted === null ? null : new AnonymousTeam(view, wanted);
  const clock = { now: () => 0, monotonic: () => 0 };
  return { view, anonymous, authenticate: authenticateByDirectory(view, clock, () => current, anonymous) };
}

const NO_KEY = [undefined, '', 'Bearer', 'Bearer unused', 'bearer UNUSED '] as const;

test.each(NO_KEY)('%j is attributed to the team, as sent by nobody who is known', (authorization) => {
  const { view, authenticate } = doorOf('Search');
  view.applyEntity(team('team_1', 'Search'));
  expect(authenticate(authorization)).toEqual({
    keyId: 'anonymous',
    organisationId: 'org_1',
    teamId: 'team_1',
    projectId: null,
    costCentreId: 'cc_1',
    principalType: 'key',
    principalId: 'anonymous',
    tags: {},
  });
  expect(authenticate(authorization)).toBe(authenticate(authorization));
});

test.each(NO_KEY)('%j is turned away where no team is named', (authorization) => {
  const { view, authenticate } = doorOf(null);
  view.applyEntity(team('team_1', 'Search'));
  expect(authenticate(authorization)).toMatch(/^(missing|invalid)_api_key$/);
});

test('a wrong key, another scheme and a page in a browser are turned away all the same', () => {
  const { view, authenticate } = doorOf('team_1');
  view.applyEntity(team('team_1', 'Search'));
  expect(authenticate('Bearer tgk_wrong')).toBe('invalid_api_key');
  expect(authenticate('Basic dW51c2Vk')).toBe('missing_api_key');
  expect(authenticate(undefined, 'https://elsewhere.example')).toBe('missing_api_key');
});

test('a team that is unknown, deleted or one of several lets nobody in, and says so', () => {
  const { view, authenticate, anonymous } = doorOf('Search');
  expect(authenticate(undefined)).toBe('missing_api_key');
  expect(anonymous?.trouble()).toMatch(/^GATEWAY_ANONYMOUS_TEAM: no team is called Search/);
  view.applyEntity(team('team_1', 'Search'));
  expect(authenticate(undefined)).toMatchObject({ teamId: 'team_1' });
  expect(anonymous?.trouble()).toBeNull();
  view.applyEntity(team('team_2', 'Search'));
  expect(authenticate(undefined)).toBe('missing_api_key');
  expect(anonymous?.trouble()).toMatch(/^GATEWAY_ANONYMOUS_TEAM: several teams are called Search/);
  view.applyEntity(team('team_1', 'Search', 2, true));
  expect(authenticate(undefined)).toMatchObject({ teamId: 'team_2' });
});

test('is not called unknown while the directory is out of reach', () => {
  expect(doorOf('Search', false).authenticate(undefined)).toBe('directory_stale');
});

test('every event of such a request says that nobody was known', async () => {
  const upstream = createSimulatedDatabricks();
  await upstream.listen();
  const { view, authenticate } = doorOf('Search');
  view.applyEntity(team('team_1', 'Search'));
  const model = 'databricks-meta-llama-3-3-70b-instruct';
  const under = await startGatewayUnderTest(testPolicy({ baseUrl: `${upstream.url}/serving-endpoints` }), {
    authenticate,
  });
  try {
    const send = (headers: Record<string, string>) =>
      fetch(`${under.url}/v1/chat/completions`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ model, messages: [{ role: 'user', content: 'a' }], max_tokens: 1 }),
      });
    expect((await send({ authorization: 'Bearer unused' })).status).toBe(200);
    expect((await send({ authorization: 'Bearer tgk_wrong' })).status).toBe(401);
    const events = under.spool.events();
    expect(events.map(({ type }) => type)).toEqual([
      'tollgate.request.v1',
      'tollgate.decision.v1',
      'tollgate.usage.v1',
    ]);
    for (const { data } of events) {
      expect(data).toMatchObject({
        attribution: { team_id: 'team_1', key_id: 'anonymous', principal_id: 'anonymous' },
      });
    }
  } finally {
    await under.close();
    await upstream.close();
  }
});
