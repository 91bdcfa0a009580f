import { z } from 'zod';
import { EntityStore } from '../store/entity-table.ts';
import type { EntityKind } from './entity-kind.ts';
import { shownBase } from './shown.ts';

const COLUMNS = [
  'organisation_id',
  'principal_id',
  'role',
  'team_id',
  'reason',
  'requested_by',
  'approved_by',
  'approved_at',
  'expires_at',
];

/** A role for a while: asked for with a reason, it counts once a second person has approved it, until it expires. */
export const roleGrants = {
  kind: 'role-grant',
  noun: 'role grant',
  path: 'role-grants',
  title: 'RoleGrant',
  idPrefix: 'grant',
  store: new EntityStore({
    name: 'role_grant',
    columns: COLUMNS,
    organisationColumn: 'organisation_id',
    teamColumn: 'team_id',
  }),
  members: ['organisation_id', 'principal_id', 'role', 'team_id', 'reason', 'approved_by', 'expires_at'],
  readScope: 'directory:read',
  writeScope: 'roles:assign',
  shown: z.object({
    ...shownBase,
    organisation_id: z.string(),
    principal_id: z.string(),
    role: z.string(),
    team_id: z.string().nullable(),
    reason: z.string(),
    requested_by: z.string(),
    approved_by: z.string().nullable(),
    approved_at: z.iso.datetime().nullable(),
    expires_at: z.iso.datetime(),
  }),
  // Asking and approving are routes of their own (role-grant-routes.ts).
  creation: null,
  change: null,
  filters: ['organisation_id', 'team_id', 'principal_id'],
  counts: (row) => row['approved_by'] !== null,
} as const satisfies EntityKind;
