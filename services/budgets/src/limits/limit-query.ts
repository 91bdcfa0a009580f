import type { Pool } from '@tollgate/database';
import type { Reach } from '@tollgate/http';
import { LIMIT_COLUMNS, type LimitRow, type StoredLimit, storedLimit } from './stored-limit.ts';

export type LimitFilter = {
  readonly reach: Reach;
  readonly organisationId?: string | undefined;
  readonly teamId?: string | undefined;
  readonly limitId?: string | undefined;
};

/** A condition on `budget_limit AS l` with its five values, from the first number on. */
export function limitCondition(filter: LimitFilter, first: number): { sql: string; values: unknown[] } {
  const { reach } = filter;
  const [organisation, teams, wanted, team, limit] = [0, 1, 2, 3, 4].map((n) => `$${first + n}`);
  return {
    sql: `(${organisation}::text IS NULL OR l.organisation_id = ${organisation})
      AND (${teams}::text[] IS NULL OR l.team_id = ANY (${teams}))
      AND (${wanted}::text IS NULL OR l.organisation_id = ${wanted})
      AND (${team}::text IS NULL OR l.team_id = ${team})
      AND (${limit}::text IS NULL OR l.limit_id = ${limit})`,
    values: [
      reach.organisationId,
      reach.teamIds === null ? null : [...reach.teamIds],
      filter.organisationId ?? null,
      filter.teamId ?? null,
      filter.limitId ?? null,
    ],
  };
}

/** A page of the limits in force, by id. */
export async function listLimits(
  pool: Pool,
  filter: LimitFilter,
  page: { readonly after: string; readonly limit: number },
): Promise<StoredLimit[]> {
  const { sql, values } = limitCondition(filter, 3);
  const { rows } = await pool.query<LimitRow>(
    `SELECT ${LIMIT_COLUMNS} FROM budget_limit AS l
     WHERE l.limit_id > $1 AND l.deleted_at IS NULL AND ${sql} ORDER BY l.limit_id LIMIT $2`,
    [page.after, page.limit, ...values],
  );
  return rows.map(storedLimit);
}
