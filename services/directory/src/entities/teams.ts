import { z } from 'zod';
import { EntityStore } from '../store/entity-table.ts';
import type { EntityKind } from './entity-kind.ts';
import { shownBase } from './shown.ts';
import { id, name } from './values.ts';

/** Whoever is billed: keys and projects belong to one. */
export const teams = {
  kind: 'team',
  noun: 'team',
  path: 'teams',
  title: 'Team',
  idPrefix: 'team',
  store: new EntityStore({
    name: 'team',
    columns: ['organisation_id', 'name', 'cost_centre_id'],
    organisationColumn: 'organisation_id',
    teamColumn: 'id',
  }),
  members: ['organisation_id', 'name', 'cost_centre_id'],
  readScope: 'directory:read',
  writeScope: 'directory:write',
  shown: z.object({
    ...shownBase,
    organisation_id: z.string(),
    name: z.string(),
    cost_centre_id: z.string().nullable(),
  }),
  creation: z.strictObject({ organisation_id: id, name, cost_centre_id: id.nullable().default(null) }),
  change: z.strictObject({ name: name.optional(), cost_centre_id: id.nullable().optional() }),
  filters: ['organisation_id', 'name'],
} as const satisfies EntityKind;
