import type { ConsumedBatch } from '@tollgate/bus';
import { type Transaction, textColumn } from '@tollgate/database';
import type { RefusedRow, Taken } from '../taking/parse-taken.ts';

/** Told after each commit of rows, so that whoever delivers need not poll. */
export const NEW_ROWS_CHANNEL = 'tollgate_databricks_sync_rows';

const APPEND = `
  WITH added AS (
    INSERT INTO delivery_row (table_name, row_key, event_date, body, taken_at)
    SELECT table_name, row_key::uuid, event_date::date, body, to_timestamp($5::float8 / 1000.0)
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
      WITH ORDINALITY AS r (table_name, row_key, event_date, body, n)
    ORDER BY n
  )
  SELECT pg_notify('${NEW_ROWS_CHANNEL}', '')`;

const REFUSE = `
  INSERT INTO refused_row (table_name, row_key, code, reason, event, refused_at)
  SELECT table_name, row_key::uuid, code, reason, event, to_timestamp($6::float8 / 1000.0)
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS r (table_name, row_key, code, reason, event)
  ON CONFLICT DO NOTHING`;

/**
 * The consumer's effect: a batch's rows at the end of their queues, in the transaction that moves the position. An
 * event that was published twice is in the queue twice; the target takes it once.
 *
 * @returns what was refused
 */
export async function append(
  batch: ConsumedBatch<Taken>,
  tx: Transaction,
  nowMs: number,
): Promise<readonly RefusedRow[]> {
  const rows = batch.messages.flatMap((message) => message.event.rows);
  if (rows.length > 0) {
    await tx.query({
      name: 'databricks-sync-append',
      text: APPEND,
      values: [
        textColumn(rows, (row) => row.table),
        textColumn(rows, (row) => row.key),
        textColumn(rows, (row) => row.date),
        textColumn(rows, (row) => row.body),
        nowMs,
      ],
    });
  }
  const refused = batch.messages.flatMap((message) => message.event.refused);
  if (refused.length > 0) {
    await tx.query(REFUSE, [
      textColumn(refused, (row) => row.table),
      textColumn(refused, (row) => row.key),
      textColumn(refused, (row) => row.code),
      textColumn(refused, (row) => row.reason),
      textColumn(refused, (row) => row.event),
      nowMs,
    ]);
  }
  return refused;
}
