import type { DirectoryEntity } from '@tollgate/events';

/** A role that a principal holds beyond what a token says, and where it comes from. */
export type StandingRole = {
  readonly role: string;
  readonly organisationId: string;
  /** Null: for the whole organisation. */
  readonly teamId: string | null;
  readonly by: 'group' | 'grant';
};

type Answer = { readonly roles: readonly StandingRole[]; readonly fromMs: number; readonly untilMs: number };

/** Who is in which group, which roles groups have, which grants run: answers are kept until something changes. */
export class StandingRoles {
  readonly #groups = new Map<string, readonly string[]>();
  readonly #groupRoles = new Map<string, Map<string, StandingRole>>();
  readonly #grants = new Map<string, Map<string, { role: StandingRole; expiresAtMs: number }>>();
  readonly #answers = new Map<string, Answer>();

  add(entity: DirectoryEntity): void {
    if (entity.kind === 'user' || entity.kind === 'service-principal') {
      this.#groups.set(entity.id, entity.group_ids);
    } else if (entity.kind === 'group-role') {
      inner(this.#groupRoles, entity.group_id).set(entity.id, standing(entity, 'group'));
    } else if (entity.kind === 'role-grant') {
      const expiresAtMs = Date.parse(entity.expires_at);
      inner(this.#grants, entity.principal_id).set(entity.id, {
        role: standing(entity, 'grant'),
        expiresAtMs,
      });
    } else {
      return;
    }
    this.#answers.clear();
  }

  remove(entity: DirectoryEntity): void {
    if (entity.kind === 'user' || entity.kind === 'service-principal') this.#groups.delete(entity.id);
    else if (entity.kind === 'group-role') drop(this.#groupRoles, entity.group_id, entity.id);
    else if (entity.kind === 'role-grant') drop(this.#grants, entity.principal_id, entity.id);
    else return;
    this.#answers.clear();
  }

  groupsOf(principalId: string): readonly string[] {
    return this.#groups.get(principalId) ?? [];
  }

  rolesOf(principalId: string, nowMs: number): readonly StandingRole[] {
    const kept = this.#answers.get(principalId);
    if (kept !== undefined && nowMs >= kept.fromMs && nowMs < kept.untilMs) return kept.roles;
    const roles = this.groupsOf(principalId).flatMap((group) => [
      ...(this.#groupRoles.get(group)?.values() ?? []),
    ]);
    let untilMs = Number.POSITIVE_INFINITY;
    for (const { role, expiresAtMs } of this.#grants.get(principalId)?.values() ?? []) {
      if (nowMs >= expiresAtMs) continue;
      roles.push(role);
      untilMs = Math.min(untilMs, expiresAtMs);
    }
    this.#answers.set(principalId, { roles, fromMs: nowMs, untilMs });
    return roles;
  }
}

function standing(
  entity: { role: string; organisation_id: string; team_id: string | null },
  by: StandingRole['by'],
): StandingRole {
  return { role: entity.role, organisationId: entity.organisation_id, teamId: entity.team_id, by };
}

function inner<V>(outer: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let map = outer.get(key);
  if (map === undefined) {
    map = new Map();
    outer.set(key, map);
  }
  return map;
}

function drop<V>(outer: Map<string, Map<string, V>>, key: string, id: string): void {
  const map = outer.get(key);
  map?.delete(id);
  if (map?.size === 0) outer.delete(key);
}
