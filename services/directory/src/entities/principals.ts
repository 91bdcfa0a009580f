import { z } from 'zod';
import { EntityStore, type Row } from '../store/entity-table.ts';
import { accessTokens } from './access-tokens.ts';
import { apiKeys } from './api-keys.ts';
import type { EntityKind, Values, WriteContext } from './entity-kind.ts';
import { assertScope } from './rights.ts';
import { roleGrants } from './role-grants.ts';
import { shownBase } from './shown.ts';
import { id, line, name } from './values.ts';

const MAX_GROUPS = 256;

const GROUP_IDS = `ARRAY(
  SELECT group_id FROM membership WHERE membership.principal_id = principal.id ORDER BY group_id
) AS group_ids`;

const groupIds = z
  .array(id)
  .max(MAX_GROUPS)
  .transform((ids) => [...new Set(ids)]);

const shared = {
  readScope: 'directory:read',
  writeScope: 'directory:write',
  filters: ['organisation_id', 'name'],
  afterWrite: writeMembership,
  dependants: credentialsOf,
  beforeChange: (row: Row, values: Values, context: WriteContext) =>
    assertMembership({ ...values, organisation_id: row['organisation_id'] }, context),
} as const satisfies Partial<EntityKind>;

const shown = {
  ...shownBase,
  organisation_id: z.string(),
  name: z.string(),
  group_ids: z.array(z.string()),
};

/** A person. Deleting one revokes the keys, tokens and grants that stand for it. */
export const users = {
  ...shared,
  kind: 'user',
  noun: 'user',
  path: 'users',
  title: 'User',
  idPrefix: 'user',
  store: new EntityStore({
    name: 'principal',
    columns: ['organisation_id', 'type', 'name', 'external_subject'],
    derived: GROUP_IDS,
    only: "type = 'user'",
    organisationColumn: 'organisation_id',
    teamColumn: null,
  }),
  members: ['organisation_id', 'name', 'external_subject', 'group_ids'],
  shown: z.object({ ...shown, external_subject: z.string().nullable() }),
  creation: z.strictObject({
    organisation_id: id,
    name,
    external_subject: line(255).nullable().default(null),
    group_ids: groupIds.default([]),
  }),
  change: z.strictObject({
    name: name.optional(),
    external_subject: line(255).nullable().optional(),
    group_ids: groupIds.optional(),
  }),
  beforeCreate(values: Values, context: WriteContext) {
    assertMembership(values, context);
    return { ...values, type: 'user' };
  },
} as const satisfies EntityKind;

/** A program. Deleting one revokes the keys, tokens and grants that stand for it. */
export const servicePrincipals = {
  ...shared,
  kind: 'service-principal',
  noun: 'service principal',
  path: 'service-principals',
  title: 'ServicePrincipal',
  idPrefix: 'sp',
  store: new EntityStore({
    name: 'principal',
    columns: ['organisation_id', 'type', 'name'],
    derived: GROUP_IDS,
    only: "type = 'service'",
    organisationColumn: 'organisation_id',
    teamColumn: null,
  }),
  members: ['organisation_id', 'name', 'group_ids'],
  shown: z.object(shown),
  creation: z.strictObject({ organisation_id: id, name, group_ids: groupIds.default([]) }),
  change: z.strictObject({ name: name.optional(), group_ids: groupIds.optional() }),
  beforeCreate(values: Values, context: WriteContext) {
    assertMembership(values, context);
    return { ...values, type: 'service' };
  },
} as const satisfies EntityKind;

/** Who is put into a group gets its roles. */
function assertMembership(values: Values, { actor }: WriteContext): void {
  const groups: unknown = values['group_ids'];
  if (!Array.isArray(groups) || groups.length === 0) return;
  assertScope(actor, 'roles:assign', String(values['organisation_id']), 'membership in groups');
}

async function writeMembership(principalId: string, values: Values, { tx }: WriteContext): Promise<void> {
  if (values['group_ids'] === undefined) return;
  await tx.query('DELETE FROM membership WHERE principal_id = $1', [principalId]);
  await tx.query(
    `INSERT INTO membership (organisation_id, principal_id, group_id)
     SELECT principal.organisation_id, principal.id, group_id
     FROM principal, unnest($2::text[]) AS given (group_id) WHERE principal.id = $1`,
    [principalId, values['group_ids']],
  );
}

async function credentialsOf(row: { readonly id: string }, { tx }: WriteContext) {
  const found: { kind: EntityKind; id: string }[] = [];
  for (const kind of [apiKeys, accessTokens, roleGrants]) {
    const { rows } = await tx.query<{ id: string }>(
      `SELECT id FROM ${kind.store.table.name} WHERE principal_id = $1 ORDER BY id`,
      [row.id],
    );
    found.push(...rows.map(({ id }) => ({ kind, id })));
  }
  return found;
}
