import { HttpProblem, PROBLEMS, type Principal, reaches, type Scope } from '@tollgate/http';

/**
 * For what takes a second scope besides the route's.
 *
 * @param what is refused without it, to follow "this"
 * @throws HttpProblem 403 `scope_missing` unless the actor holds the scope for that organisation (null: for all)
 */
export function assertScope(
  actor: Principal | 'system',
  scope: Scope,
  organisationId: string | null,
  what: string,
): void {
  if (actor === 'system') return;
  const reach = actor.scopes.get(scope);
  if (reach !== undefined && reaches(reach, organisationId, null)) return;
  throw new HttpProblem(PROBLEMS.scopeMissing, `${what} takes the scope ${scope}, which the token lacks`);
}
