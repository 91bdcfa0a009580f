import type { Pool } from '@tollgate/database';
import { TABLE_NAMES, type TableName } from '../tables/columns.ts';

/** How the delivery to one table stands. */
export interface Progress {
  readonly table: TableName;
  readonly watermark: bigint;
  readonly deliveredRows: bigint;
  /** Counted up to {@link MAX_COUNTED_ROWS}. */
  readonly backlogRows: number;
  readonly oldestWaitingMs: number | null;
  readonly lastSuccessAt: string | null;
  readonly lastErrorAt: string | null;
  readonly lastErrorCode: string | null;
  readonly lastError: string | null;
  readonly refusedRows: number;
}

/** Counting stops here: beyond it, the backlog is simply long. */
export const MAX_COUNTED_ROWS = 100_000;

type Row = {
  table_name: string;
  watermark: bigint | null;
  delivered_rows: bigint | null;
  backlog: number;
  oldest_ms: number | null;
  last_success_at: string | null;
  last_error_at: string | null;
  last_error_code: string | null;
  last_error: string | null;
  refused: number;
};

/** How every table stands, whoever leads. */
export async function readProgress(pool: Pool): Promise<Progress[]> {
  const { rows } = await pool.query<Row>(
    `SELECT t.table_name, s.watermark, s.delivered_rows, s.last_success_at, s.last_error_at, s.last_error_code,
       s.last_error,
       (SELECT count(*)::int FROM (
          SELECT FROM delivery_row AS r WHERE r.table_name = t.table_name LIMIT ${MAX_COUNTED_ROWS}) AS counted
       ) AS backlog,
       (SELECT (extract(epoch FROM taken_at) * 1000)::float8 FROM delivery_row AS r
        WHERE r.table_name = t.table_name ORDER BY position LIMIT 1) AS oldest_ms,
       (SELECT count(*)::int FROM refused_row AS r WHERE r.table_name = t.table_name) AS refused
     FROM unnest($1::text[]) AS t (table_name) LEFT JOIN delivery_state AS s USING (table_name)`,
    [TABLE_NAMES],
  );
  return TABLE_NAMES.flatMap((table) => {
    const row = rows.find(({ table_name }) => table_name === table);
    return row === undefined ? [] : [progressOf(table, row)];
  });
}

function progressOf(table: TableName, row: Row): Progress {
  return {
    table,
    watermark: row.watermark ?? 0n,
    deliveredRows: row.delivered_rows ?? 0n,
    backlogRows: row.backlog,
    oldestWaitingMs: row.oldest_ms,
    lastSuccessAt: row.last_success_at,
    lastErrorAt: row.last_error_at,
    lastErrorCode: row.last_error_code,
    lastError: row.last_error,
    refusedRows: row.refused,
  };
}
