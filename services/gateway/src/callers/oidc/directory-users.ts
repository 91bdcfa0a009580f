import type { DirectoryView, EntityOf, StandingRole } from '@tollgate/http';
import type { Clock } from '../../clock.ts';
import type { Caller, Unauthenticated } from '../caller.ts';

/** Stands in events where a key would: the caller showed a token of the identity provider. */
export const OIDC_KEY = 'oidc';

type User = EntityOf<'user'>;

/** What was found for a user and a team, for as long as none of this changes. */
interface Found {
  readonly roles: readonly StandingRole[];
  readonly costCentreId: string | null;
  readonly caller: Caller;
}

/** The callers that people of the directory are: a user, by the subject at the identity provider, in one of the teams that the user has a role in. */
export class DirectoryUsers {
  readonly #view: DirectoryView;
  readonly #clock: Clock;
  #bySubject: Map<string, User | null> | null = null;
  /** By user, by the team that was asked for. */
  #found = new WeakMap<User, Map<string | null, Found>>();

  constructor(view: DirectoryView, clock: Clock) {
    this.#view = view;
    this.#clock = clock;
    view.onChange((entity) => {
      if (entity.kind === 'user') this.#bySubject = null;
    });
  }

  /**
   * The same object for as long as nothing about the user changes.
   *
   * @param team id or name of one of the user's teams; null: the user has one alone
   */
  caller(subject: string, team: string | null): Caller | Unauthenticated {
    this.#bySubject ??= this.#index();
    const user = this.#bySubject.get(subject) ?? null;
    if (user === null) return 'unknown_user';
    const roles = this.#view.rolesOf(user.id, this.#clock.now());
    const known = this.#found.get(user)?.get(team);
    if (
      known !== undefined &&
      known.roles === roles &&
      known.costCentreId === this.#costCentre(known.caller)
    ) {
      return known.caller;
    }
    return this.#find(user, team, roles);
  }

  #find(user: User, wanted: string | null, roles: readonly StandingRole[]): Caller | Unauthenticated {
    const ids = roles.flatMap(({ organisationId, teamId }) =>
      teamId === null || organisationId !== user.organisation_id ? [] : [teamId],
    );
    const teams = [...new Set(ids)].flatMap((id) => {
      const team = this.#view.entity('team', id);
      const isMeant = wanted === null || team?.id === wanted || team?.name === wanted;
      return team !== undefined && isMeant && team.organisation_id === user.organisation_id ? [team] : [];
    });
    const [team] = teams;
    if (team === undefined || teams.length > 1) return 'no_team';
    const caller: Caller = {
      keyId: OIDC_KEY,
      organisationId: user.organisation_id,
      teamId: team.id,
      projectId: null,
      costCentreId: team.cost_centre_id,
      principalType: 'user',
      principalId: user.id,
      tags: {},
    };
    const ofUser = this.#found.get(user) ?? new Map<string | null, Found>();
    // Teams that a claim may name are few; what it names besides finds nothing and is not kept.
    ofUser.set(wanted, { roles, costCentreId: team.cost_centre_id, caller });
    this.#found.set(user, ofUser);
    return caller;
  }

  #costCentre({ teamId }: Caller): string | null | undefined {
    return this.#view.entity('team', teamId)?.cost_centre_id;
  }

  /** A subject that two users claim is nobody's. */
  #index(): Map<string, User | null> {
    const bySubject = new Map<string, User | null>();
    for (const user of this.#view.entities('user')) {
      const subject = user.external_subject;
      if (subject !== null) bySubject.set(subject, bySubject.has(subject) ? null : user);
    }
    return bySubject;
  }
}
