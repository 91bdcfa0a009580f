import { z } from 'zod';
import { EntityStore } from '../store/entity-table.ts';
import type { EntityKind } from './entity-kind.ts';
import { withOrganisationOfTeam } from './organisation-of-team.ts';
import { shownBase } from './shown.ts';
import { id, name } from './values.ts';

/** A part of a team's work that is reported apart. */
export const projects = {
  kind: 'project',
  noun: 'project',
  path: 'projects',
  title: 'Project',
  idPrefix: 'proj',
  store: new EntityStore({
    name: 'project',
    columns: ['organisation_id', 'team_id', 'name', 'cost_centre_id'],
    organisationColumn: 'organisation_id',
    teamColumn: 'team_id',
  }),
  members: ['organisation_id', 'team_id', 'name', 'cost_centre_id'],
  readScope: 'directory:read',
  writeScope: 'directory:write',
  shown: z.object({
    ...shownBase,
    organisation_id: z.string(),
    team_id: z.string(),
    name: z.string(),
    cost_centre_id: z.string().nullable(),
  }),
  creation: z.strictObject({ team_id: id, name, cost_centre_id: id.nullable().default(null) }),
  change: z.strictObject({ name: name.optional(), cost_centre_id: id.nullable().optional() }),
  filters: ['organisation_id', 'team_id', 'name'],
  beforeCreate: withOrganisationOfTeam,
} as const satisfies EntityKind;
