import type { AccessToken } from '@tollgate/events';
import { expect, test } from 'vitest';
import { DirectoryView } from '../directory-view/directory-view.ts';
import { HttpProblem } from '../errors.ts';
import { createTokenVerifier } from './token-verifier.ts';
import { mintCredential } from './tokens.ts';

const NOW_MS = Date.parse('2026-03-01T12:00:00Z');

function verifierWith(token: Partial<AccessToken>) {
  const view = new DirectoryView();
  const { secret, sha256 } = mintCredential('token');
  const entity: AccessToken = {
    kind: 'access-token',
    id: 'tok_1',
    version: 1,
    deleted: false,
    organisation_id: 'org_1',
    principal_type: 'user',
    principal_id: 'user_1',
    name: 'token',
    sha256,
    roles: [],
    scopes: [],
    team_id: null,
    expires_at: null,
    ...token,
  };
  view.applyEntity(entity);
  const clock = { nowMs: NOW_MS };
  const verifier = createTokenVerifier({ view, now: () => clock.nowMs });
  return { view, entity, clock, verify: () => verifier.verify(`Bearer ${secret}`), verifier };
}

const codeOf = (act: () => unknown) => {
  try {
    act();
    return 'none';
  } catch (error) {
    return error instanceof HttpProblem ? `${error.status} ${error.code}` : String(error);
  }
};

test('no token, an unknown one, an expired one and a deleted one are told apart', () => {
  const { view, entity, clock, verify, verifier } = verifierWith({
    roles: ['finance'],
    expires_at: '2026-03-01T12:00:01Z',
  });
  expect(verify().scopes.has('periods:close')).toBe(true);
  expect(codeOf(() => verifier.verify(undefined))).toBe('401 token_missing');
  expect(codeOf(() => verifier.verify('Bearer tgs_other'))).toBe('401 token_invalid');
  clock.nowMs += 999;
  expect(codeOf(verify)).toBe('none');
  clock.nowMs += 1;
  expect(codeOf(verify)).toBe('401 token_expired');
  view.applyEntity({ ...entity, version: 2, deleted: true });
  expect(codeOf(verify)).toBe('401 token_invalid');
});

test('a token that names scopes has these alone, though its principal holds more', () => {
  const { view, verify } = verifierWith({ scopes: ['report:read'] });
  standing(view, 'security', null);
  expect([...verify().scopes.keys()]).toEqual(['report:read']);
});

test('a token that names nothing has what its principal holds in the same organisation', () => {
  const { view, verify } = verifierWith({});
  standing(view, 'security', null);
  expect(verify().scopes.get('audit:read')).toEqual({ organisationId: 'org_1', teamIds: null });
  standing(view, 'platform', null, 'org_2');
  expect(verify().scopes.has('directory:write')).toBe(false);
});

test('a grant counts until its instant', () => {
  const { view, clock, verify } = verifierWith({});
  view.applyEntity({
    kind: 'role-grant',
    id: 'grant_1',
    version: 2,
    deleted: false,
    organisation_id: 'org_1',
    principal_id: 'user_1',
    role: 'finance',
    team_id: null,
    reason: 'closing',
    approved_by: 'user_2',
    expires_at: '2026-03-01T13:00:00Z',
  });
  expect(verify().scopes.has('periods:close')).toBe(true);
  clock.nowMs = Date.parse('2026-03-01T12:59:59.999Z');
  expect(verify().scopes.has('periods:close')).toBe(true);
  clock.nowMs += 1;
  expect(verify().scopes.has('periods:close')).toBe(false);
  // Clocks are set back.
  clock.nowMs = NOW_MS;
  expect(verify().scopes.has('periods:close')).toBe(true);
});

test("a token's team narrows what its principal holds for the whole organisation", () => {
  const { view, verify } = verifierWith({ team_id: 'team_a' });
  standing(view, 'security', null);
  standing(view, 'finance', 'team_b');
  expect(verify().scopes.get('audit:read')?.teamIds).toEqual(new Set(['team_a']));
  expect(verify().scopes.has('periods:close')).toBe(false);
});

let groupRoles = 0;
function standing(view: DirectoryView, role: string, teamId: string | null, organisationId = 'org_1') {
  const base = { version: 1, deleted: false, organisation_id: organisationId };
  view.applyEntity({
    ...base,
    version: ++groupRoles,
    kind: 'user',
    id: 'user_1',
    name: 'Ada',
    external_subject: null,
    group_ids: ['grp_1'],
  });
  view.applyEntity({
    ...base,
    kind: 'group-role',
    id: `gr_${groupRoles}`,
    group_id: 'grp_1',
    role,
    team_id: teamId,
  });
}
