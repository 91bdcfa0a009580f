import type { DirectoryView } from '@tollgate/http';
import type { Clock } from '../clock.ts';
import type { Caller } from './caller.ts';

/** The names of the roles that a caller holds at this moment. */
export type RolesOf = (caller: Caller) => readonly string[];

/**
 * The roles of the user or service principal that a key belongs to: those of its groups, and those granted for a while.
 * A role that is limited to a team counts for that team's keys alone. Who is not known has none.
 */
export function rolesByDirectory(view: DirectoryView, clock: Clock): RolesOf {
  return ({ principalId, organisationId, teamId }) =>
    view
      .rolesOf(principalId, clock.now())
      .filter((held) => held.organisationId === organisationId && (held.teamId ?? teamId) === teamId)
      .map(({ role }) => role);
}
