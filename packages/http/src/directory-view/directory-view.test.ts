import { type DirectoryEntity, serializeEvent } from '@tollgate/events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DirectoryView } from './directory-view.ts';

const HASH = 'a'.repeat(64);
const AT = '2026-03-01T12:00:00.000Z';
const SOURCE = '/services/directory/0';

function apiKey(change: object = {}): DirectoryEntity {
  return {
    kind: 'api-key',
    id: 'key_1',
    version: 1,
    deleted: false,
    organisation_id: 'org_1',
    team_id: 'team_1',
    project_id: null,
    cost_centre_id: null,
    principal_type: 'key',
    principal_id: 'key_1',
    name: 'production',
    sha256: HASH,
    tags: {},
    expires_at: null,
    ...change,
  } as DirectoryEntity;
}

function message(entity: DirectoryEntity) {
  const value = serializeEvent(
    {
      type: 'tollgate.directory.v1',
      id: '019519d2-3a00-7000-8000-000000000001',
      subject: `${entity.kind}/${entity.id}`,
      time: AT,
      data: { entity },
    },
    SOURCE,
    1,
  );
  return { key: `${entity.kind}/${entity.id}`, value };
}

function heartbeat(at: string) {
  const draft = {
    type: 'tollgate.directory.heartbeat.v1' as const,
    id: '019519d2-3a00-7000-8000-000000000002',
    subject: 'directory',
    time: at,
    data: { at },
  };
  return { key: 'heartbeat', value: serializeEvent(draft, SOURCE, null) };
}

describe('a view', () => {
  test('comes to the same state in whatever order, and however often, versions arrive', () => {
    const change = fc.record({
      id: fc.constantFrom('key_1', 'key_2', 'key_3'),
      version: fc.integer({ min: 1, max: 6 }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const view = new DirectoryView();
        const latest = new Map<string, number>();
        for (const { id, version } of changes) {
          // The third and the sixth version are deletions; each version has a hash of its own.
          const sha256 = `${id.slice(-1)}${version}`.padEnd(64, '0');
          view.apply(message(apiKey({ id, version, sha256, deleted: version % 3 === 0 })));
          latest.set(id, Math.max(latest.get(id) ?? 0, version));
        }
        const alive = [...latest].filter(([, version]) => version % 3 !== 0);
        expect(
          view
            .entities('api-key')
            .map(({ id, version }) => [id, version])
            .toSorted(),
        ).toEqual(alive.toSorted());
        for (const [id, last] of latest) {
          for (let version = 1; version <= 6; version += 1) {
            const known = view.apiKeyByHash(`${id.slice(-1)}${version}`.padEnd(64, '0'));
            expect(known !== undefined).toBe(version === last && version % 3 !== 0);
          }
        }
      }),
    );
  });

  test('says of each change once whether it was news', () => {
    const view = new DirectoryView();
    const seen: number[] = [];
    const end = view.onChange(({ version }) => seen.push(version));
    expect(view.applyEntity(apiKey({ version: 2 }))).toBe(true);
    expect(view.applyEntity(apiKey({ version: 2 }))).toBe(false);
    expect(view.applyEntity(apiKey({ version: 1 }))).toBe(false);
    end();
    expect(view.applyEntity(apiKey({ version: 3 }))).toBe(true);
    expect(seen).toEqual([2]);
  });

  test('gives a key with its expiry in milliseconds, and Infinity for none', () => {
    const view = new DirectoryView();
    view.applyEntity(apiKey());
    expect(view.apiKeyByHash(HASH)?.expiresAtMs).toBe(Number.POSITIVE_INFINITY);
    view.applyEntity(apiKey({ version: 2, expires_at: AT }));
    expect(view.apiKeyByHash(HASH)?.expiresAtMs).toBe(Date.parse(AT));
  });

  test('names what was deleted', () => {
    const view = new DirectoryView();
    const team = {
      kind: 'team',
      id: 'team_1',
      organisation_id: 'org_1',
      name: 'Search',
      cost_centre_id: null,
    } as const;
    view.applyEntity({ ...team, version: 1, deleted: false });
    view.applyEntity({ ...team, version: 2, deleted: true });
    expect(view.entity('team', 'team_1')).toBeUndefined();
    expect(view.nameOf('team', 'team_1')).toBe('Search');
    expect(view.nameOf('team', 'team_2')).toBeUndefined();
  });

  test("takes a key's cost centre from its project, and else from its team", () => {
    const view = new DirectoryView();
    const base = { version: 1, deleted: false, organisation_id: 'org_1', name: 'x' };
    view.applyEntity({ ...base, kind: 'team', id: 'team_1', cost_centre_id: 'cc_team' });
    view.applyEntity({
      ...base,
      kind: 'project',
      id: 'proj_1',
      team_id: 'team_1',
      cost_centre_id: 'cc_project',
    });
    const of = (change: object) => {
      const key = apiKey(change);
      return key.kind === 'api-key' ? view.costCentreOf(key) : undefined;
    };
    expect(of({})).toBe('cc_team');
    expect(of({ project_id: 'proj_1' })).toBe('cc_project');
    expect(of({ project_id: 'proj_1', cost_centre_id: 'cc_key' })).toBe('cc_key');
    expect(of({ team_id: 'team_none' })).toBeNull();
  });

  test('is as old as the latest heartbeat', () => {
    const view = new DirectoryView();
    const nowMs = Date.parse(AT) + 5_000;
    expect(view.heartbeatAgeMs(nowMs)).toBe(Number.POSITIVE_INFINITY);
    view.apply(heartbeat(AT));
    view.apply(heartbeat('2026-03-01T11:00:00.000Z'));
    expect(view.heartbeatAgeMs(nowMs)).toBe(5_000);
    expect(view.heartbeatAgeMs(nowMs - 10_000)).toBe(0);
  });

  test('counts what it cannot read, and is troubled by a version that is too new', () => {
    const view = new DirectoryView();
    view.apply({ key: 'x', value: Buffer.from('no event') });
    view.apply({ key: 'x', value: Buffer.alloc(0) });
    expect(view.malformed).toBe(1);
    expect(view.trouble()).toBeNull();
    const newer = message(apiKey())
      .value.toString()
      .replace('tollgate.directory.v1', 'tollgate.directory.v9');
    view.apply({ key: 'x', value: Buffer.from(newer) });
    expect(view.trouble()).toContain('tollgate.directory.v9');
    expect(view.entities('api-key')).toEqual([]);
  });
});

test('roles follow groups and their roles as both change', () => {
  const view = new DirectoryView();
  const base = { deleted: false, organisation_id: 'org_1' };
  const user = { ...base, kind: 'user', id: 'user_1', name: 'Ada', external_subject: null } as const;
  const role = {
    ...base,
    kind: 'group-role',
    id: 'gr_1',
    group_id: 'grp_1',
    role: 'finance',
    team_id: null,
  } as const;
  const held = () => view.rolesOf('user_1', 0).map((each) => each.role);
  view.applyEntity({ ...role, version: 1 });
  expect(held()).toEqual([]);
  view.applyEntity({ ...user, version: 1, group_ids: ['grp_1', 'grp_2'] });
  expect(held()).toEqual(['finance']);
  expect(view.groupsOf('user_1')).toEqual(['grp_1', 'grp_2']);
  view.applyEntity({ ...role, version: 2, deleted: true });
  expect(held()).toEqual([]);
  view.applyEntity({ ...role, id: 'gr_2', version: 1, group_id: 'grp_2', role: 'security' });
  expect(held()).toEqual(['security']);
  view.applyEntity({ ...user, version: 2, group_ids: [] });
  expect(held()).toEqual([]);
});
