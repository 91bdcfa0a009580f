import type { Pool } from '@tollgate/database';

/** The rollups reckoned anew from usage and charges, with every row that differs from what is stored. */
const DIFFERENCES = `
  WITH from_usage AS (
    SELECT date_trunc('hour', requested_at, 'UTC') AS hour, attribution_id, billing_period, outcome, fidelity, currency,
      count(*) FILTER (WHERE final) AS requests, count(*) FILTER (WHERE attempt > 0) AS attempts,
      sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
      sum(cached_input_tokens) AS cached_input_tokens, sum(cache_creation_tokens) AS cache_creation_tokens,
      sum(reasoning_tokens) AS reasoning_tokens, count(*) FILTER (WHERE time_zone_assumed) AS time_zone_assumed
    FROM usage GROUP BY 1, 2, 3, 4, 5, 6
  ), from_charges AS (
    SELECT date_trunc('hour', requested_at, 'UTC') AS hour, attribution_id, billing_period, outcome, fidelity,
      token_class, status, price_id, charge.currency, count(*) AS lines, sum(quantity) AS quantity,
      coalesce(sum(amount), 0) AS amount
    FROM charge JOIN usage ON event_id = usage_event_id GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
  ), usage_differences AS (
    (SELECT * FROM from_usage EXCEPT SELECT * FROM usage_hour)
    UNION ALL (SELECT * FROM usage_hour EXCEPT SELECT * FROM from_usage)
  ), charge_differences AS (
    (SELECT * FROM from_charges EXCEPT SELECT * FROM charge_hour)
    UNION ALL (SELECT * FROM charge_hour EXCEPT SELECT * FROM from_charges)
  )
  SELECT 'usage_hour' AS rollup, to_jsonb(u) AS row FROM usage_differences AS u
  UNION ALL SELECT 'charge_hour', to_jsonb(c) FROM charge_differences AS c`;

/**
 * Rows of the rollups that are not the sums of usage and charges, and sums that no row holds: none, ever. Reads
 * every usage and charge, so it is for tests, audits and repairs, not for a dashboard.
 */
export async function rollupDifferences(
  pool: Pool,
): Promise<readonly { readonly rollup: string; readonly row: unknown }[]> {
  const { rows } = await pool.query<{ rollup: string; row: unknown }>(DIFFERENCES);
  return rows;
}
