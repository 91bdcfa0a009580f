import { seededRandom } from '@tollgate/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type TestApi, testApi } from '../testing/api.ts';
import { type TestSource, testSource, uuid7 } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';

const random = seededRandom(11);
const page = z.object({
  items: z.array(
    z.object({
      leaf_index: z.number(),
      proof: z.string(),
      event: z.looseObject({ id: z.string(), type: z.string(), subject: z.string(), sequence: z.string() }),
    }),
  ),
  next_cursor: z.string().nullable(),
});

let stand: Stand;
let api: TestApi;
let source: TestSource;
let security: string;
const ofTeamA = uuid7(random);
const ofTeamB = uuid7(random);

beforeAll(async () => {
  stand = await openStand();
  api = testApi(stand);
  security = api.token({ role: 'security' });
  source = testSource(random, '/gateways/gw-1/e1');
  source.started();
  source.request('team_a', ofTeamA);
  source.request('team_b', ofTeamB);
  for (let i = 0; i < 25; i += 1) source.usage('team_c');
  await stand.deliver(source.events);
  await stand.integrate();
});
afterAll(() => stand.close());
beforeEach(async () => {
  await stand.owner.query('DELETE FROM audit.outbox');
});

async function found(query: string, token = security) {
  const answer = await api.get(`/v1/events?${query}`, token);
  expect(answer.status, answer.text).toBe(200);
  return page.parse(answer.json());
}

const subjects = (items: z.infer<typeof page>['items']) => new Set(items.map(({ event }) => event.subject));

describe('a search', () => {
  it('finds by request, team, organisation, type, source and time', async () => {
    expect((await found(`request_id=${ofTeamA}`)).items).toHaveLength(3);
    expect(subjects((await found('team=team_b')).items)).toEqual(new Set([ofTeamB]));
    expect((await found('organisation=org_1&limit=500')).items).toHaveLength(31);
    expect((await found('organisation=org_2')).items).toEqual([]);
    expect((await found('type=tollgate.source.started.v1')).items).toHaveLength(1);
    expect((await found('type=tollgate.usage.v1&team=team_a')).items).toHaveLength(1);
    expect((await found(`source=${source.name}&limit=500`)).items).toHaveLength(32);
    expect((await found('source=/gateways/none/e1')).items).toEqual([]);
    expect((await found('from=2026-03-01T10:00:00Z&to=2026-03-01T10:00:01Z&limit=500')).items).toHaveLength(
      32,
    );
    expect((await found('to=2026-03-01T10:00:00Z')).items).toEqual([]);
    expect((await found('from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59.9999999Z')).items).toHaveLength(32);
  });

  it('finds by principal, key, model, outcome, policy, finding, and by the beginning of any identifier', async () => {
    const all = async (query: string) => (await found(`${query}&limit=500`)).items.length;
    expect(await all('principal=svc_1')).toBe(31);
    expect(await all('principal=svc_2')).toBe(0);
    expect(await all('key=key_1&team=team_b')).toBe(3);
    expect(await all('model=GPT-OSS')).toBe(31);
    expect(await all('outcome=allowed')).toBe(2);
    expect(await all('outcome=completed&team=team_c')).toBe(25);
    expect(await all('policy=default')).toBe(31);
    expect(await all(`policy=${'a'.repeat(64)}`)).toBe(31);
    expect(await all('finding=pii-detector/EMAIL_ADDRESS')).toBe(0);
    expect(await all(`q=${ofTeamA}`)).toBe(3);
    expect(await all(`q=${ofTeamA.slice(0, 20)}`)).toBe(3);
    expect(await all('q=svc_')).toBe(31);
    expect(await all("q='%20|%20x:*")).toBe(0);
    const [one] = (await found(`team=team_b&limit=1`)).items;
    expect((await found(`q=${one?.event.id}`)).items).toEqual([one]);
  });

  it('shows to its end what it showed at its first page, whatever comes meanwhile', async () => {
    const later = testSource(random, '/services/directory/e1');
    const first = await found('limit=20');
    // What comes now and happened before belongs to the end of the list.
    for (let i = 0; i < 5; i += 1) {
      later.emit({
        type: 'tollgate.admin.v1',
        id: uuid7(random),
        subject: 'team_z',
        time: '2026-02-01T10:00:00.000Z',
        data: {
          actor: { type: 'user', id: 'user_1' },
          organisation_id: null,
          action: 'team.create',
          target: 'team_z',
          outcome: 'done',
          code: null,
          reason: null,
          details: {},
        },
      });
    }
    await stand.deliver(later.events);
    await stand.integrate();
    const second = await found(`limit=20&cursor=${first.next_cursor}`);
    const leaves = [...first.items, ...second.items].map(({ leaf_index }) => leaf_index);
    expect(leaves).toHaveLength(32);
    expect(second.next_cursor).toBeNull();
    expect(leaves.every((leaf) => leaf < 32)).toBe(true);
    expect((await found('action=team.create')).items).toHaveLength(5);
  });

  it('leads from every hit to its proof', async () => {
    const [hit] = (await found('team=team_b&limit=1')).items;
    expect(hit?.proof).toBe(`/v1/events/${hit?.event.id}/proof`);
    expect((await api.get(hit?.proof ?? '', security)).status).toBe(200);
  });

  it('gives every event exactly once, page by page, newest first', async () => {
    const leaves: number[] = [];
    let cursor = '';
    do {
      const { items, next_cursor } = await found(`limit=7${cursor}`);
      leaves.push(...items.map(({ leaf_index }) => leaf_index));
      cursor = next_cursor === null ? '' : `&cursor=${next_cursor}`;
    } while (cursor !== '');
    expect(leaves.filter((leaf) => leaf < 32)).toEqual(Array.from({ length: 32 }, (_, i) => 31 - i));
    expect(new Set(leaves).size).toBe(leaves.length);
  });

  it('gives events as they were published', async () => {
    const { items } = await found(`request_id=${ofTeamA}`);
    const published = source.events.slice(1, 4).map((bytes) => JSON.parse(bytes.toString()));
    expect(items.map(({ event }) => event)).toEqual(published.toReversed());
  });

  it('is refused with a coded error where it asks for what makes no sense', async () => {
    for (const query of ['limit=0', 'limit=501', 'from=yesterday', 'cursor=abc', 'team=%00', 'unknown=1']) {
      const answer = await api.get(`/v1/events?${query}`, security);
      expect(answer.status, query).toBe(400);
      expect(answer.json()).toMatchObject({ code: expect.stringMatching(/^invalid_(request|cursor)$/) });
    }
  });
});

describe('what a caller sees', () => {
  it('is, for the role team, what its own requests came to', async () => {
    const team = api.token({ role: 'team', teamId: 'team_a', organisationId: 'org_1', type: 'user' });
    expect(subjects((await found('limit=500', team)).items)).toEqual(new Set([ofTeamA]));
    expect((await found(`request_id=${ofTeamB}`, team)).items).toEqual([]);
    expect((await api.get('/v1/events?team=team_b', team)).json()).toMatchObject({ code: 'out_of_reach' });
    expect((await api.get(`/v1/requests/${ofTeamB}`, team)).status).toBe(404);
    expect((await api.get(`/v1/requests/${ofTeamA}`, team)).status).toBe(200);
  });

  it('is nothing of another organisation', async () => {
    const other = api.token({ role: 'security', organisationId: 'org_2' });
    expect((await found('limit=500', other)).items).toEqual([]);
    expect((await api.get('/v1/events?organisation=org_1', other)).json()).toMatchObject({
      code: 'out_of_reach',
    });
  });

  it('is nothing without the scope', async () => {
    const finance = api.token({ role: 'finance' });
    for (const path of ['/v1/events', `/v1/requests/${ofTeamA}`, '/v1/archive']) {
      expect((await api.get(path, finance)).status).toBe(403);
    }
  });
});

describe("a request's life", () => {
  it('is told in the order of the log', async () => {
    const answer = await api.get(`/v1/requests/${ofTeamA}`, security);
    expect(answer.json()).toMatchObject({
      request_id: ofTeamA,
      events: [
        { leaf_index: 1, event: { type: 'tollgate.request.v1' } },
        { leaf_index: 2, event: { type: 'tollgate.decision.v1' } },
        { leaf_index: 3, event: { type: 'tollgate.usage.v1' } },
      ],
    });
  });

  it('is not found where there is none', async () => {
    expect((await api.get(`/v1/requests/${uuid7(random)}`, security)).json()).toMatchObject({
      code: 'not_found',
    });
  });
});

describe('reading by a person', () => {
  const drafts = async () => (await stand.pool.query<{ draft: string }>('SELECT draft FROM outbox')).rows;

  it('is an admin event per action, also where the same is asked again', async () => {
    const person = api.token({ role: 'security', type: 'user' });
    await found('team=team_a', person);
    await found('team=team_a', person);
    await api.get(`/v1/requests/${ofTeamA}`, person);
    const written = (await drafts()).map(({ draft }) => JSON.parse(draft));
    expect(written).toMatchObject([
      {
        type: 'tollgate.admin.v1',
        data: { action: 'audit.search', actor: { type: 'user' }, details: { filter: { team: 'team_a' } } },
      },
      { data: { action: 'audit.search' } },
      { type: 'tollgate.admin.v1', subject: ofTeamA, data: { action: 'audit.read-request' } },
    ]);
    expect(written).toHaveLength(3);
  });

  it('to its end is one action, however many pages it has', async () => {
    const person = api.token({ role: 'security', type: 'user' });
    const { next_cursor } = await found('team=team_c&limit=9', person);
    await found(`team=team_c&limit=9&cursor=${next_cursor}`, person);
    expect(await drafts()).toHaveLength(1);
  });

  it('by a program is one event a session: until it pauses', async () => {
    const program = api.token({ role: 'security' });
    for (let i = 0; i < 3; i += 1) {
      await found('team=team_a', program);
      await api.get('/v1/archive?after=1', program);
      stand.nowMs += 14 * 60_000;
    }
    const actions = async () => (await drafts()).map(({ draft }) => JSON.parse(draft).data.action);
    expect(await actions()).toEqual(['audit.search', 'audit.replay']);
    stand.nowMs += 2 * 60_000;
    await found('team=team_b', program);
    expect(await actions()).toEqual(['audit.search', 'audit.replay', 'audit.search']);
  });

  it('leaves none where it was refused', async () => {
    const team = api.token({ role: 'team', teamId: 'team_a', organisationId: 'org_1', type: 'user' });
    await api.get('/v1/events?team=team_b', team);
    expect(await drafts()).toEqual([]);
  });
});
