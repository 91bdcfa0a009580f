import type { Pool } from '@tollgate/database';
import type { Reach } from '@tollgate/http';

export type Unpriced = {
  readonly organisation_id: string;
  readonly model: string | null;
  readonly serving_mode: string | null;
  readonly region: string | null;
  readonly token_class: string;
  readonly charges: number;
  readonly tokens: number;
  readonly first_hour: string;
  readonly last_hour: string;
};

/** Missing price rows at most; there are as many as models that nobody has put into the book. */
const MAX_ROWS = 1_000;

/** What has no price, the most used first; from rollups. */
export async function readUnpriced(pool: Pool, reach: Reach): Promise<Unpriced[]> {
  const { rows } = await pool.query<Unpriced>(
    `SELECT a.organisation_id, coalesce(a.served_model, a.requested_model) AS model, a.serving_mode, a.region,
       h.token_class, sum(lines)::float8 AS charges, sum(quantity)::float8 AS tokens, min(hour) AS first_hour,
       max(hour) AS last_hour
     FROM charge_hour AS h JOIN attribution AS a USING (attribution_id)
     WHERE h.status = 'unpriced' AND ($1::text IS NULL OR a.organisation_id = $1)
       AND ($2::text[] IS NULL OR a.team_id = ANY ($2))
     GROUP BY 1, 2, 3, 4, 5
     ORDER BY tokens DESC, model, token_class
     LIMIT ${MAX_ROWS}`,
    [reach.organisationId, reach.teamIds === null ? null : [...reach.teamIds]],
  );
  return rows;
}

/** How many charges have no price. */
export async function countUnpriced(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ charges: number }>(
    `SELECT coalesce(sum(lines), 0)::float8 AS charges FROM charge_hour WHERE status = 'unpriced'`,
  );
  return rows[0]?.charges ?? 0;
}
