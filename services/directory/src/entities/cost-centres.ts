import { z } from 'zod';
import { DIRECTORY_PROBLEMS, refuseField } from '../errors.ts';
import { EntityStore } from '../store/entity-table.ts';
import type { EntityKind } from './entity-kind.ts';
import { shownBase } from './shown.ts';
import { id, line, name } from './values.ts';

const code = line(64);

/** Where costs end up in the books; a tree within an organisation. */
export const costCentres = {
  kind: 'cost-centre',
  noun: 'cost centre',
  path: 'cost-centres',
  title: 'CostCentre',
  idPrefix: 'cc',
  store: new EntityStore({
    name: 'cost_centre',
    columns: ['organisation_id', 'name', 'code', 'parent_id'],
    organisationColumn: 'organisation_id',
    teamColumn: null,
  }),
  members: ['organisation_id', 'name', 'code', 'parent_id'],
  readScope: 'directory:read',
  writeScope: 'directory:write',
  shown: z.object({
    ...shownBase,
    organisation_id: z.string(),
    name: z.string(),
    code: z.string(),
    parent_id: z.string().nullable(),
  }),
  creation: z.strictObject({ organisation_id: id, name, code, parent_id: id.nullable().default(null) }),
  change: z.strictObject({
    name: name.optional(),
    code: code.optional(),
    parent_id: id.nullable().optional(),
  }),
  filters: ['organisation_id', 'name'],
  async beforeChange(row, values, { tx }) {
    const parent = values['parent_id'];
    if (typeof parent !== 'string') return;
    // Two moves at once could close a circle that neither sees, so moves wait for each other.
    await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('directory.cost_centre', 0))");
    const { rows } = await tx.query(
      `WITH RECURSIVE above (id, parent_id) AS (
         SELECT id, parent_id FROM cost_centre WHERE id = $1
         UNION
         SELECT cost_centre.id, cost_centre.parent_id FROM cost_centre JOIN above ON cost_centre.id = above.parent_id
       )
       SELECT 1 FROM above WHERE id = $2`,
      [parent, row.id],
    );
    if (rows.length > 0) {
      throw refuseField(DIRECTORY_PROBLEMS.invalidValue, 'parent_id', 'lies below this cost centre itself');
    }
  },
} as const satisfies EntityKind;
