import type { Role } from '@tollgate/events';
import { HttpProblem, PROBLEMS } from '../errors.ts';
import { ROLE_SCOPES } from './roles.ts';
import { isScope, type Scope } from './scopes.ts';

/**
 * How far a right goes. Handlers restrict what they read and change to it: `organisationId` null means every
 * organisation, `teamIds` null every team (of the organisation).
 */
export type Reach = {
  readonly organisationId: string | null;
  readonly teamIds: ReadonlySet<string> | null;
};

/** A role that is held, for one team or (null) for the whole organisation. */
export type HeldRole = { readonly role: string; readonly teamId: string | null };

/** Whoever calls: a person, a program, or an API key that stands for itself. */
export type Principal = {
  readonly type: 'user' | 'service' | 'key';
  readonly id: string;
  /** The token or key that was presented. */
  readonly credentialId: string;
  /** Null for the whole installation. */
  readonly organisationId: string | null;
  readonly roles: readonly HeldRole[];
  /** Every scope that is held, and how far. */
  readonly scopes: ReadonlyMap<Scope, Reach>;
};

/** Nobody in particular: the principal of an open route. */
export const ANONYMOUS: Principal = {
  type: 'service',
  id: 'anonymous',
  credentialId: '',
  organisationId: null,
  roles: [],
  scopes: new Map(),
};

/**
 * The scopes that roles and single scopes add up to within one organisation (null: all of them). A scope held for
 * the whole organisation by one role and for a team by another is held for the whole.
 *
 * @param teamLimit narrows everything to one team
 */
export function scopesOf(
  organisationId: string | null,
  roles: readonly HeldRole[],
  scopes: readonly string[],
  teamLimit: string | null,
): Map<Scope, Reach> {
  const held = new Map<Scope, Reach>();
  for (const { role, teamId } of roles) {
    const own = Object.hasOwn(ROLE_SCOPES, role) ? ROLE_SCOPES[role as Role] : [];
    // The role `team` without a team would see everybody's; it opens nothing instead.
    if (role === 'team' && teamId === null && teamLimit === null) continue;
    for (const scope of own) widen(held, scope, organisationId, teamId, teamLimit);
  }
  for (const scope of scopes) {
    if (isScope(scope)) widen(held, scope, organisationId, null, teamLimit);
  }
  return held;
}

/** Whether something of that organisation and team (null: of no team) lies within a reach. */
export function reaches(reach: Reach, organisationId: string | null, teamId: string | null): boolean {
  if (reach.organisationId !== null && reach.organisationId !== organisationId) return false;
  return reach.teamIds === null || (teamId !== null && reach.teamIds.has(teamId));
}

/**
 * For a filter that names an organisation or a team: asking for what can't be seen is refused, rather than answered with
 * nothing.
 *
 * @throws HttpProblem 403 `out_of_reach`
 */
export function assertWithin(
  reach: Reach,
  { organisation, team }: { readonly organisation?: string | undefined; readonly team?: string | undefined },
): void {
  const wrongOrganisation =
    organisation !== undefined && reach.organisationId !== null && reach.organisationId !== organisation;
  const wrongTeam = team !== undefined && reach.teamIds !== null && !reach.teamIds.has(team);
  if (wrongOrganisation || wrongTeam) {
    throw new HttpProblem(
      PROBLEMS.outOfReach,
      'leave the filter out, or name an organisation or team of yours',
    );
  }
}

function widen(
  held: Map<Scope, Reach>,
  scope: Scope,
  organisationId: string | null,
  teamId: string | null,
  teamLimit: string | null,
): void {
  if (teamLimit !== null && teamId !== null && teamId !== teamLimit) return;
  const team = teamLimit ?? teamId;
  const before = held.get(scope);
  if (before !== undefined && before.teamIds === null) return;
  const teamIds = team === null ? null : new Set([...(before?.teamIds ?? []), team]);
  held.set(scope, { organisationId, teamIds });
}
