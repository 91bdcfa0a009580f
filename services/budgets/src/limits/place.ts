import type { DirectoryView } from '@tollgate/http';
import type { Scope, ScopeKey } from '@tollgate/limits';
import { BUDGETS_PROBLEMS, refuseField } from '../problems.ts';

type Found = { readonly organisation_id: string; readonly team_id?: string; readonly id: string } | undefined;

/** Who in the directory a scope's entry names; models are in none. */
const FIND = {
  team: (view, id) => view.entity('team', id),
  project: (view, id) => view.entity('project', id),
  'cost-centre': (view, id) => view.entity('cost-centre', id),
  user: (view, id) => view.entity('user', id),
  key: (view, id) => view.entity('api-key', id),
  principal: (view, id) =>
    view.entity('user', id) ?? view.entity('service-principal', id) ?? view.entity('api-key', id),
} as const satisfies Partial<Record<ScopeKey, (view: DirectoryView, id: string) => Found>>;

/**
 * The team whose limit it is to see: the one that the scope names, or that its project or key belongs to.
 *
 * @throws HttpProblem 422 `unknown_reference` for what the organisation does not have
 */
export function teamOfScope(view: DirectoryView, organisationId: string, scope: Scope): string | null {
  let teamId: string | null = null;
  for (const key of Object.keys(FIND) as (keyof typeof FIND)[]) {
    const id = scope[key];
    if (id === undefined) continue;
    const found: Found = FIND[key](view, id);
    if (found === undefined || found.organisation_id !== organisationId) {
      throw refuseField(
        BUDGETS_PROBLEMS.unknownReference,
        `scope.${key}`,
        `the organisation has no such ${key}; if it is new, try again in a moment`,
      );
    }
    teamId ??= key === 'team' ? found.id : (found.team_id ?? null);
  }
  return teamId;
}
