import { role } from '@tollgate/events';
import { HttpProblem, SCOPES, type Scope } from '@tollgate/http';
import { z } from 'zod';
import { DIRECTORY_PROBLEMS, refuseField } from '../errors.ts';
import { EntityStore } from '../store/entity-table.ts';
import type { EntityKind, Values } from './entity-kind.ts';
import { assertExpiry } from './expiry.ts';
import { shownBase } from './shown.ts';
import { id, instant, name } from './values.ts';

const COLUMNS = [
  'organisation_id',
  'principal_type',
  'principal_id',
  'name',
  'sha256',
  'roles',
  'scopes',
  'team_id',
  'expires_at',
];

const MAX_ROLES = 8;
const MAX_SCOPES = 64;
const scope = z.enum(Object.keys(SCOPES) as [Scope, ...Scope[]]);

/**
 * What people and programs show the services. One that names roles or scopes has exactly these; one that names none
 * has what its principal holds.
 */
export const accessTokens = {
  kind: 'access-token',
  noun: 'access token',
  path: 'access-tokens',
  title: 'AccessToken',
  idPrefix: 'tok',
  store: new EntityStore({
    name: 'access_token',
    columns: COLUMNS,
    organisationColumn: 'organisation_id',
    teamColumn: 'team_id',
  }),
  members: COLUMNS,
  readScope: 'directory:read',
  writeScope: 'roles:assign',
  secret: 'token',
  shown: z.object({
    ...shownBase,
    organisation_id: z.string().nullable(),
    principal_type: z.enum(['user', 'service']),
    principal_id: z.string(),
    name: z.string(),
    roles: z.array(z.string()),
    scopes: z.array(z.string()),
    team_id: z.string().nullable(),
    expires_at: z.iso.datetime().nullable(),
  }),
  creation: z.strictObject({
    organisation_id: id.nullable().default(null).describe('null: of the whole installation'),
    principal_type: z.enum(['user', 'service']),
    principal_id: id,
    name,
    roles: z.array(role).max(MAX_ROLES).default([]),
    scopes: z.array(scope).max(MAX_SCOPES).default([]),
    team_id: id.nullable().default(null).describe('narrows everything to one team'),
    expires_at: instant.nullable().default(null),
  }),
  change: null,
  filters: ['organisation_id', 'team_id', 'principal_id', 'name'],
  beforeCreate(values, { nowMs }) {
    assertExpiry(values, nowMs);
    assertTeam(values);
    return values;
  },
  async beforeDelete(row, { tx, nowMs }) {
    // Two revocations at once could each take the other for what is left.
    await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('directory.administrators', 0))");
    const { rows } = await tx.query<{ id: string }>(
      `SELECT id FROM access_token
       WHERE organisation_id IS NULL AND (expires_at IS NULL OR expires_at > $1)
         AND ('platform' = ANY (roles) OR 'roles:assign' = ANY (scopes))
       LIMIT 2`,
      [new Date(nowMs).toISOString()],
    );
    if (rows.length === 1 && rows[0]?.id === row.id) {
      throw new HttpProblem(
        DIRECTORY_PROBLEMS.lastAdministrator,
        'it is the last token of the whole installation that can assign roles: make another first',
      );
    }
  },
} as const satisfies EntityKind;

function assertTeam(values: Values): void {
  if (values['team_id'] !== null && values['organisation_id'] === null) {
    throw refuseField(DIRECTORY_PROBLEMS.invalidValue, 'organisation_id', 'is needed with a team');
  }
  const roles: unknown = values['roles'];
  if (values['team_id'] === null && Array.isArray(roles) && roles.includes('team')) {
    throw refuseField(DIRECTORY_PROBLEMS.invalidValue, 'team_id', 'is needed with the role team');
  }
}
