import type { DirectoryView } from '@tollgate/http';
import type { Caller } from './caller.ts';

/** Stands in events where a key and its owner would: no id that the directory mints looks like it. */
export const ANONYMOUS = 'anonymous';

/** What clients send that insist on a key and were given none. */
const PLACEHOLDERS: ReadonlySet<string> = new Set(['', 'bearer', 'bearer unused']);

/**
 * Whether a request says nothing about who sends it: no `authorization`, or the placeholder `unused`. A key that is
 * wrong says something, and so does a page in a browser (`origin`): whichever site it belongs to could otherwise
 * spend the team's money through the address of the machine it is shown on.
 */
export function isAnonymous(authorization: string | undefined, origin: string | undefined): boolean {
  if (origin !== undefined) return false;
  return authorization === undefined || PLACEHOLDERS.has(authorization.trim().toLowerCase());
}

/**
 * The team that requests without a key are attributed to, found in the directory by id or by a name that only one
 * team has. It is looked up anew when the directory changes, not per request.
 */
export class AnonymousTeam {
  readonly #view: DirectoryView;
  readonly #wanted: string;
  #caller: Caller | null = null;
  #trouble: string | null = null;
  #current = false;

  constructor(view: DirectoryView, idOrName: string) {
    this.#view = view;
    this.#wanted = idOrName;
    view.onChange((entity) => {
      if (entity.kind === 'team') this.#current = false;
    });
  }

  /** The same object for as long as the team does not change; null where there is no such team. */
  caller(): Caller | null {
    if (!this.#current) this.#find();
    return this.#caller;
  }

  /** Why such requests are turned away; null where they are not. */
  trouble(): string | null {
    if (!this.#current) this.#find();
    return this.#trouble;
  }

  #find(): void {
    this.#current = true;
    this.#caller = null;
    const byId = this.#view.entity('team', this.#wanted);
    const found =
      byId === undefined ? this.#view.entities('team').filter(({ name }) => name === this.#wanted) : [byId];
    const [team] = found;
    if (team === undefined || found.length > 1) {
      const what = found.length > 1 ? 'several teams are' : 'no team is';
      this.#trouble = `GATEWAY_ANONYMOUS_TEAM: ${what} called ${this.#wanted}: give the id of one`;
      return;
    }
    this.#trouble = null;
    this.#caller = {
      keyId: ANONYMOUS,
      organisationId: team.organisation_id,
      teamId: team.id,
      projectId: null,
      costCentreId: team.cost_centre_id,
      principalType: 'key',
      principalId: ANONYMOUS,
      tags: {},
    };
  }
}
