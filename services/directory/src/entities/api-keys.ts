import { z } from 'zod';
import { DIRECTORY_PROBLEMS, refuseField } from '../errors.ts';
import { EntityStore } from '../store/entity-table.ts';
import type { EntityKind } from './entity-kind.ts';
import { assertExpiry } from './expiry.ts';
import { withOrganisationOfTeam } from './organisation-of-team.ts';
import { assertScope } from './rights.ts';
import { shownBase } from './shown.ts';
import { id, instant, name, tags } from './values.ts';

/** What an application shows the gateway. The key itself is shown once; only its SHA-256 is kept. */
export const apiKeys = {
  kind: 'api-key',
  noun: 'API key',
  path: 'api-keys',
  title: 'ApiKey',
  idPrefix: 'key',
  store: new EntityStore({
    name: 'api_key',
    columns: [
      'organisation_id',
      'team_id',
      'project_id',
      'cost_centre_id',
      'principal_type',
      'principal_id',
      'name',
      'sha256',
      'tags',
      'expires_at',
    ],
    organisationColumn: 'organisation_id',
    teamColumn: 'team_id',
  }),
  members: [
    'organisation_id',
    'team_id',
    'project_id',
    'cost_centre_id',
    'principal_type',
    'principal_id',
    'name',
    'sha256',
    'tags',
    'expires_at',
  ],
  readScope: 'directory:read',
  writeScope: 'keys:write',
  secret: 'key',
  shown: z.object({
    ...shownBase,
    organisation_id: z.string(),
    team_id: z.string(),
    project_id: z.string().nullable(),
    cost_centre_id: z.string().nullable(),
    principal_type: z.enum(['user', 'service', 'key']),
    principal_id: z.string(),
    name: z.string(),
    tags: z.record(z.string(), z.string()),
    expires_at: z.iso.datetime().nullable(),
  }),
  creation: z.strictObject({
    team_id: id,
    project_id: id.nullable().default(null),
    cost_centre_id: id.nullable().default(null),
    principal_type: z.enum(['user', 'service', 'key']).default('key'),
    principal_id: id.nullable().default(null).describe('whom the key stands for; null with type key: itself'),
    name,
    tags: tags.default({}),
    expires_at: instant.nullable().default(null),
  }),
  change: z.strictObject({
    name: name.optional(),
    cost_centre_id: id.nullable().optional(),
    tags: tags.optional(),
    expires_at: instant.nullable().optional(),
  }),
  filters: ['organisation_id', 'team_id', 'project_id', 'principal_id', 'name'],
  async beforeCreate(values, context, keyId) {
    assertExpiry(values, context.nowMs);
    const itself = values['principal_type'] === 'key';
    if (itself !== (values['principal_id'] === null)) {
      const message = itself
        ? 'must be null where the key stands for itself'
        : 'is needed with that principal_type';
      throw refuseField(DIRECTORY_PROBLEMS.invalidValue, 'principal_id', message);
    }
    const complete = await withOrganisationOfTeam(values, context);
    if (itself) return { ...complete, principal_id: keyId };
    const { actor } = context;
    // Whoever has a key of a principal has what its groups allow.
    if (actor === 'system' || actor.id !== values['principal_id']) {
      assertScope(
        actor,
        'roles:assign',
        String(complete['organisation_id']),
        'a key that stands for another',
      );
    }
    return complete;
  },
  beforeChange: (_row, values, { nowMs }) => assertExpiry(values, nowMs),
} as const satisfies EntityKind;
