import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type DirectoryUnderTest,
  directoryUnderTest,
  publishedEvents,
  smallCompany,
  tokenWith,
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

test('each change tells the new state and who made it, in contiguous numbers of one source', async () => {
  const made = await company.make('teams', { name: 'Told' });
  await under.must('PATCH', `/v1/teams/${made.id}`, { version: 1, name: 'Told anew' });
  await under.must('DELETE', `/v1/teams/${made.id}`);
  const states = await publishedEvents(under, 'tollgate.directory.v1', `team/${made.id}`, 3);
  expect(states.map(({ data }) => [data.entity.version, data.entity.name, data.entity.deleted])).toEqual([
    [1, 'Told', false],
    [2, 'Told anew', false],
    [3, 'Told anew', true],
  ]);
  const acts = await publishedEvents(under, 'tollgate.admin.v1', `team/${made.id}`, 3);
  expect(acts.map(({ data }) => [data.action, data.actor.id, data.organisation_id])).toEqual([
    ['team.create', 'bootstrap', company.organisation.id],
    ['team.update', 'bootstrap', company.organisation.id],
    ['team.delete', 'bootstrap', company.organisation.id],
  ]);
  const numbered = under.published
    .map(({ value }) => JSON.parse(value.toString()))
    .filter((event) => event.sequence !== undefined)
    .map((event) => Number(event.sequence));
  expect(numbered).toEqual(numbered.map((_, index) => index + 1));
});

test('a state message is keyed by its entity', async () => {
  await publishedEvents(under, 'tollgate.directory.v1', `team/${company.search.id}`, 1);
  const message = under.published.find(({ key }) => key === `team/${company.search.id}`);
  expect(message?.topic).toBe('directory');
});

test('a name can be taken once per organisation, and the refusal names it', async () => {
  const answer = await under.call('POST', '/v1/teams', {
    organisation_id: company.organisation.id,
    name: 'Search',
  });
  expect(answer).toMatchObject({
    status: 409,
    body: { code: 'name_taken', errors: [{ in: 'body', field: 'name' }] },
  });
  const other = await under.must('POST', '/v1/organisations', { name: 'Other', currency: 'USD' });
  await under.must('POST', '/v1/teams', { organisation_id: other.id, name: 'Search' });
});

test('what belongs to another organisation cannot be referred to, and the refusal names the member', async () => {
  const other = await under.must('POST', '/v1/organisations', { name: 'Elsewhere', currency: 'USD' });
  const abroad = { organisation_id: other.id };
  const centre = await under.must('POST', '/v1/cost-centres', { ...abroad, name: 'Abroad', code: 'A1' });
  const group = await under.must('POST', '/v1/groups', { ...abroad, name: 'Strangers' });
  const stranger = await under.must('POST', '/v1/users', { ...abroad, name: 'Stranger' });
  const { search, ads, project } = company;
  const refused = async (path: string, body: object, field: string) => {
    const answer = await under.call('POST', `/v1/${path}`, body);
    expect([path, answer.status, answer.body.code, answer.body.errors?.[0]?.field]).toEqual([
      path,
      422,
      'unknown_reference',
      field,
    ]);
  };
  const here = { organisation_id: company.organisation.id };
  await refused('teams', { ...here, name: 'X', cost_centre_id: centre.id }, 'cost_centre_id');
  await refused('projects', { team_id: 'team_none', name: 'X' }, 'team_id');
  await refused('projects', { team_id: search.id, name: 'X', cost_centre_id: centre.id }, 'cost_centre_id');
  await refused('users', { ...here, name: 'X', group_ids: [group.id] }, 'group_ids');
  await refused('group-roles', { ...here, group_id: group.id, role: 'finance' }, 'group_id');
  await refused('api-keys', { team_id: ads.id, name: 'X', project_id: project.id }, 'project_id');
  const standsFor = { principal_type: 'user', principal_id: stranger.id };
  await refused('api-keys', { team_id: search.id, name: 'X', ...standsFor }, 'principal_id');
  await refused('access-tokens', { ...here, ...standsFor, name: 'X' }, 'principal_id');
  await refused('cost-centres', { ...here, name: 'X', code: 'X', parent_id: centre.id }, 'parent_id');
  await refused('teams', { organisation_id: 'org_none', name: 'X' }, 'organisation_id');
});

test('of two changes decided on the same version one wins and the other is told', async () => {
  const made = await company.make('teams', { name: 'Contended' });
  const answers = await Promise.all(
    ['one', 'two', 'three', 'four'].map((name) =>
      under.call('PATCH', `/v1/teams/${made.id}`, { version: 1, name: `Contended ${name}` }),
    ),
  );
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409, 409]);
  expect(answers.find(({ status }) => status === 409)?.body.code).toBe('version_conflict');
  expect((await under.must('GET', `/v1/teams/${made.id}`)).version).toBe(2);
  expect((await under.call('DELETE', `/v1/teams/${made.id}?version=1`)).status).toBe(409);
  expect((await under.call('DELETE', `/v1/teams/${made.id}?version=2`)).status).toBe(204);
});

test('what is still referred to is not deleted', async () => {
  const answer = await under.call('DELETE', `/v1/teams/${company.search.id}`);
  expect(answer).toMatchObject({ status: 409, body: { code: 'in_use' } });
  expect(answer.body.detail).toContain('project');
});

test('a deleted entity is gone', async () => {
  const made = await company.make('groups', { name: 'Short-lived' });
  expect((await under.call('DELETE', `/v1/groups/${made.id}`)).status).toBe(204);
  expect((await under.call('GET', `/v1/groups/${made.id}`)).status).toBe(404);
  expect((await under.call('PATCH', `/v1/groups/${made.id}`, { version: 1, name: 'X' })).status).toBe(404);
  expect((await under.call('DELETE', `/v1/groups/${made.id}`)).status).toBe(404);
});

test('pages follow each other without a gap or a repetition, whatever their size', async () => {
  for (let n = 0; n < 7; n += 1) await company.make('groups', { name: `Paged ${n}` });
  const whole = await under.must('GET', '/v1/groups');
  const ids: string[] = [];
  let cursor = '';
  do {
    const page = await under.must('GET', `/v1/groups?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
    ids.push(...page.items.map((item: { id: string }) => item.id));
    cursor = page.next_cursor ?? '';
  } while (cursor !== '');
  expect(ids).toEqual(whole.items.map((item: { id: string }) => item.id));
  expect(ids.length).toBeGreaterThanOrEqual(7);
  expect(await under.call('GET', '/v1/groups?cursor=bm90LWEtY3Vyc29y')).toMatchObject({
    status: 400,
    body: { code: 'invalid_cursor' },
  });
});

test('a list is narrowed by its filters', async () => {
  const page = await under.must('GET', `/v1/projects?team_id=${company.ads.id}`);
  expect(page.items).toEqual([]);
  const named = await under.must('GET', '/v1/teams?name=Search');
  expect(named.items.map((item: { name: string }) => item.name)).toEqual(['Search', 'Search']);
});

test('a cost centre cannot be moved below itself', async () => {
  const top = await company.make('cost-centres', { name: 'Top', code: 'T' });
  const middle = await company.make('cost-centres', { name: 'Middle', code: 'M', parent_id: top.id });
  const leaf = await company.make('cost-centres', { name: 'Leaf', code: 'L', parent_id: middle.id });
  const answer = await under.call('PATCH', `/v1/cost-centres/${top.id}`, { version: 1, parent_id: leaf.id });
  expect(answer).toMatchObject({ status: 422, body: { errors: [{ field: 'parent_id' }] } });
  await under.must('PATCH', `/v1/cost-centres/${leaf.id}`, { version: 1, parent_id: top.id });
});

test('group membership is replaced as a whole', async () => {
  const one = await company.make('groups', { name: 'One' });
  const two = await company.make('groups', { name: 'Two' });
  const user = await company.make('users', { name: 'Grace', group_ids: [one.id, one.id] });
  expect(user.group_ids).toEqual([one.id]);
  const moved = await under.must('PATCH', `/v1/users/${user.id}`, { version: 1, group_ids: [two.id] });
  expect(moved).toMatchObject({ version: 2, group_ids: [two.id], name: 'Grace' });
  expect((await under.call('DELETE', `/v1/groups/${two.id}`)).body.code).toBe('in_use');
  expect((await under.call('DELETE', `/v1/groups/${one.id}`)).status).toBe(204);
});

test('a user and a service principal are told apart, and neither is found as the other', async () => {
  expect((await under.call('GET', `/v1/users/${company.robot.id}`)).status).toBe(404);
  expect((await under.call('DELETE', `/v1/service-principals/${company.user.id}`)).status).toBe(404);
});

test('with a principal go the credentials that stand for it', async () => {
  const leaver = await company.make('users', { name: 'Leaver' });
  const standsFor = { principal_type: 'user', principal_id: leaver.id };
  const key = await under.must('POST', '/v1/api-keys', {
    team_id: company.search.id,
    name: 'L',
    ...standsFor,
  });
  const token = await tokenWith(under, {
    organisation_id: company.organisation.id,
    ...standsFor,
    scopes: ['directory:read'],
  });
  expect((await under.call('GET', '/v1/teams', undefined, token)).status).toBe(200);
  expect((await under.call('DELETE', `/v1/users/${leaver.id}`)).status).toBe(204);
  expect((await under.call('GET', '/v1/teams', undefined, token)).body.code).toBe('token_invalid');
  expect((await under.call('GET', `/v1/api-keys/${key.id}`)).status).toBe(404);
});

test('an organisation takes a time zone that exists', async () => {
  const answer = await under.call('POST', '/v1/organisations', {
    name: 'Nowhere',
    currency: 'EUR',
    billing_time_zone: 'Mars/Olympus',
  });
  expect(answer).toMatchObject({ status: 422, body: { errors: [{ field: 'billing_time_zone' }] } });
});

test('text that is no line of text is refused by its member', async () => {
  for (const name of ['', ' x', 'x ', 'a\u0000b', 'a\nb', '\ud800', 'x'.repeat(201)]) {
    const answer = await under.call('POST', '/v1/organisations', { name, currency: 'EUR' });
    expect([name, answer.status, answer.body.errors?.[0]?.field]).toEqual([name, 400, 'name']);
  }
  expect((await under.call('GET', '/v1/teams?name=a%00b')).body.errors).toMatchObject([
    { in: 'query', field: 'name' },
  ]);
  const unknown = await under.call('POST', '/v1/organisations', {
    name: 'Y',
    currency: 'EUR',
    colour: 'red',
  });
  expect(unknown).toMatchObject({ status: 400, body: { errors: [{ in: 'body', field: 'colour' }] } });
});

test('every state can be told once more, unchanged, for a topic that was lost', async () => {
  const subject = `team/${company.search.id}`;
  const before = (await publishedEvents(under, 'tollgate.directory.v1', subject, 1)).length;
  const { entities } = await under.must('POST', '/v1/tell-again');
  expect(entities).toBeGreaterThan(5);
  const states = await publishedEvents(under, 'tollgate.directory.v1', subject, before + 1);
  expect(states.at(-1).data).toEqual(states.at(-2).data);
});
