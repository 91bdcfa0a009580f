import { needsTeam } from '@tollgate/http';
import { z } from 'zod';
import { DIRECTORY_PROBLEMS, refuseField } from '../errors.ts';
import { EntityStore } from '../store/entity-table.ts';
import type { EntityKind, Values } from './entity-kind.ts';
import { shownBase } from './shown.ts';
import { id, line, name } from './values.ts';

/** A role of ours, or one that a policy's `rbac` section knows. */
export const roleName = line(64);

/** @throws HttpProblem 422 where a role that is a team's own is given without a team */
export function assertTeamRole(values: Values): void {
  if (needsTeam(String(values['role'])) && values['team_id'] === null) {
    throw refuseField(DIRECTORY_PROBLEMS.invalidValue, 'team_id', 'is needed with the role team');
  }
}

/** Users and service principals that are given roles together. */
export const groups = {
  kind: 'group',
  noun: 'group',
  path: 'groups',
  title: 'Group',
  idPrefix: 'grp',
  store: new EntityStore({
    name: 'principal_group',
    columns: ['organisation_id', 'name'],
    organisationColumn: 'organisation_id',
    teamColumn: null,
  }),
  members: ['organisation_id', 'name'],
  readScope: 'directory:read',
  writeScope: 'directory:write',
  shown: z.object({ ...shownBase, organisation_id: z.string(), name: z.string() }),
  creation: z.strictObject({ organisation_id: id, name }),
  change: z.strictObject({ name: name.optional() }),
  filters: ['organisation_id', 'name'],
} as const satisfies EntityKind;

/** A group's standing role, for a team or the whole organisation. */
export const groupRoles = {
  kind: 'group-role',
  noun: 'group role',
  path: 'group-roles',
  title: 'GroupRole',
  idPrefix: 'gr',
  store: new EntityStore({
    name: 'group_role',
    columns: ['organisation_id', 'group_id', 'role', 'team_id'],
    organisationColumn: 'organisation_id',
    teamColumn: 'team_id',
  }),
  members: ['organisation_id', 'group_id', 'role', 'team_id'],
  readScope: 'directory:read',
  writeScope: 'roles:assign',
  shown: z.object({
    ...shownBase,
    organisation_id: z.string(),
    group_id: z.string(),
    role: z.string(),
    team_id: z.string().nullable(),
  }),
  creation: z.strictObject({
    organisation_id: id,
    group_id: id,
    role: roleName,
    team_id: id.nullable().default(null),
  }),
  change: null,
  filters: ['organisation_id', 'team_id', 'group_id'],
  beforeCreate(values) {
    assertTeamRole(values);
    return values;
  },
} as const satisfies EntityKind;
