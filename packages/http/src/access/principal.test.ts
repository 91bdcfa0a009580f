import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type HeldRole, reaches, scopesOf } from './principal.ts';
import { ROLE_SCOPES } from './roles.ts';
import { isScope, SCOPES, type Scope } from './scopes.ts';

const team = fc.constantFrom('team_a', 'team_b', 'team_c');
const heldRole: fc.Arbitrary<HeldRole> = fc.record({
  role: fc.constantFrom('finance', 'security', 'platform', 'team', 'of-a-policy'),
  teamId: fc.option(team, { nil: null }),
});

describe('scopesOf', () => {
  test('a scope reaches a team exactly if some role reaches it', () => {
    fc.assert(
      fc.property(fc.array(heldRole, { maxLength: 5 }), team, (roles, someTeam) => {
        const scopes = scopesOf('org_1', roles, [], null);
        for (const scope of Object.keys(SCOPES) as Scope[]) {
          const granted = roles.some(
            ({ role, teamId }) =>
              Object.hasOwn(ROLE_SCOPES, role) &&
              ROLE_SCOPES[role as 'team'].includes(scope) &&
              (teamId === someTeam || (teamId === null && role !== 'team')),
          );
          const reach = scopes.get(scope);
          expect(reach !== undefined && reaches(reach, 'org_1', someTeam)).toBe(granted);
        }
      }),
    );
  });

  test('a team limit narrows whatever is held to that team, and widens nothing', () => {
    fc.assert(
      fc.property(
        fc.array(heldRole, { maxLength: 5 }),
        fc.array(fc.constantFrom(...(Object.keys(SCOPES) as Scope[]))),
        (roles, extra) => {
          for (const [scope, reach] of scopesOf('org_1', roles, extra, 'team_a')) {
            expect(reach).toEqual({ organisationId: 'org_1', teamIds: new Set(['team_a']) });
            const wide = scopesOf('org_1', roles, extra, null).get(scope);
            const ofTeamRole = roles.some(({ role, teamId }) => role === 'team' && teamId === null);
            if (!ofTeamRole) expect(wide !== undefined && reaches(wide, 'org_1', 'team_a')).toBe(true);
          }
        },
      ),
    );
  });

  test('the role team without a team opens nothing', () => {
    expect(scopesOf('org_1', [{ role: 'team', teamId: null }], [], null).size).toBe(0);
  });

  test('a role that only a policy knows, and a scope of another release, open nothing', () => {
    const names = ['of-a-policy', 'constructor', '__proto__', 'toString'];
    expect(
      scopesOf(
        null,
        names.map((role) => ({ role, teamId: null })),
        names,
        null,
      ).size,
    ).toBe(0);
  });
});

describe('reaches', () => {
  test('an organisation-wide reach does not cover what belongs to the installation', () => {
    expect(reaches({ organisationId: 'org_1', teamIds: null }, null, null)).toBe(false);
    expect(reaches({ organisationId: null, teamIds: null }, null, null)).toBe(true);
  });

  test("a team's reach does not cover what belongs to no team", () => {
    expect(reaches({ organisationId: 'org_1', teamIds: new Set(['team_a']) }, 'org_1', null)).toBe(false);
  });
});

test('every scope of the role table is in the list of scopes', () => {
  for (const scope of Object.values(ROLE_SCOPES).flat()) expect(isScope(scope)).toBe(true);
});

test('the table keeps duties apart', () => {
  const may = (role: keyof typeof ROLE_SCOPES, scope: Scope) => ROLE_SCOPES[role].includes(scope);
  expect(may('platform', 'audit:read')).toBe(false);
  expect(may('platform', 'payloads:reveal')).toBe(false);
  expect(may('platform', 'periods:close')).toBe(false);
  expect(may('finance', 'audit:read')).toBe(false);
  expect(may('security', 'directory:write')).toBe(false);
  expect(may('team', 'directory:write')).toBe(false);
  expect(may('team', 'events:replay')).toBe(false);
});
