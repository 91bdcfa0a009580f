import type { Pool } from '@tollgate/database';
import type { Reach } from '@tollgate/http';
import { ChargebackError } from '../errors.ts';
import { DIMENSIONS, type Dimension } from './dimensions.ts';
import { assembleReport, COUNTS, type Report, type ReportPart, USAGE_MEASURES } from './report.ts';
import type { ReportRange } from './report-range.ts';

/** Rows of the query at most; a report for people has far fewer. */
export const MAX_REPORT_ROWS = 100_000;

type Row = {
  readonly group: (string | null)[];
  readonly currency: string | null;
  readonly amount: string;
} & Record<string, unknown>;

/**
 * The report on what the reach allows to see. Reads rollups alone, in one statement, so that all of its figures
 * are of one moment.
 *
 * @throws ChargebackError `report_too_large`
 */
export async function readReport(
  pool: Pool,
  range: ReportRange,
  groupBy: readonly Dimension[],
  reach: Reach,
): Promise<Report> {
  const { rows } = await pool.query<Row>(statement(groupBy), [
    range.from,
    range.to,
    range.period,
    reach.organisationId,
    reach.teamIds === null ? null : [...reach.teamIds],
  ]);
  if (rows.length > MAX_REPORT_ROWS) {
    throw new ChargebackError(
      'report_too_large',
      `the report has more than ${MAX_REPORT_ROWS} rows: ask for a shorter time or fewer dimensions`,
    );
  }
  return assembleReport(groupBy, rows.map(partOf));
}

function statement(groupBy: readonly Dimension[]): string {
  // Names come from the fixed table of dimensions, never from a request.
  const group = `ARRAY[${groupBy.map((dimension) => DIMENSIONS[dimension].sql).join(', ')}]::text[]`;
  const source = (rollup: string) => `
    FROM ${rollup} AS h JOIN attribution AS a USING (attribution_id)
    WHERE h.hour >= $1::timestamptz AND h.hour < $2::timestamptz
      AND ($3::text IS NULL OR h.billing_period = $3)
      AND ($4::text IS NULL OR a.organisation_id = $4)
      AND ($5::text[] IS NULL OR a.team_id = ANY ($5))
    GROUP BY 1, 2`;
  const zeros = (columns: readonly string[]) => columns.map((column) => `0::numeric AS ${column}`).join(', ');
  return `
    SELECT ${group} AS "group", h.currency,
      ${USAGE_MEASURES.map((measure) => `sum(${measure}) AS ${measure}`).join(', ')},
      ${zeros(['unpriced_charges', 'unpriced_tokens', 'amount'])}
    ${source('usage_hour')}
    UNION ALL
    SELECT ${group}, h.currency, ${zeros(USAGE_MEASURES)},
      coalesce(sum(lines) FILTER (WHERE status = 'unpriced'), 0),
      coalesce(sum(quantity) FILTER (WHERE status = 'unpriced'), 0),
      sum(amount)
    ${source('charge_hour')}
    LIMIT ${MAX_REPORT_ROWS + 1}`;
}

function partOf(row: Row): ReportPart {
  return {
    group: row.group,
    currency: row.currency,
    counts: Object.fromEntries(COUNTS.map((count) => [count, BigInt(String(row[count]))])),
    amount: row.amount,
  };
}
