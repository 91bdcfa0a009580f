import { type Pool, transaction } from '@tollgate/database';
import { SyncError } from '../errors.ts';
import type { TableName } from '../tables/columns.ts';
import type { DeliveryRow } from '../tables/row.ts';

export interface QueuedRow extends DeliveryRow {
  readonly position: bigint;
}

/** What waits for a table, counted up to a bound. */
export interface Waiting {
  readonly rows: number;
  readonly bytes: number;
  /** When the oldest was taken in, milliseconds since 1970; null where nothing waits. */
  readonly oldestMs: number | null;
}

export interface BatchLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
}

/** The queue of one table, as its writer uses it. */
export class TableQueue {
  readonly #pool: Pool;
  readonly #table: TableName;

  constructor(pool: Pool, table: TableName) {
    this.#pool = pool;
    this.#table = table;
  }

  /** Takes the lead: whoever led before can no longer advance the watermark. @returns the writer's epoch */
  async lead(): Promise<bigint> {
    const { rows } = await this.#pool.query<{ epoch: bigint }>(
      `INSERT INTO delivery_state AS state (table_name, epoch, watermark, delivered_rows) VALUES ($1, 1, 0, 0)
       ON CONFLICT (table_name) DO UPDATE SET epoch = state.epoch + 1 RETURNING epoch`,
      [this.#table],
    );
    const [row] = rows;
    if (row === undefined) throw new Error('the state of a table was neither inserted nor updated');
    return row.epoch;
  }

  /** What waits, counted up to `maxRows`. */
  async waiting(maxRows: number): Promise<Waiting> {
    const { rows } = await this.#pool.query<{ rows: number; bytes: string; oldest_ms: number | null }>({
      name: 'databricks-sync-waiting',
      text: `SELECT count(*)::int AS rows, coalesce(sum(octet_length(body)), 0) AS bytes,
               (extract(epoch FROM min(taken_at)) * 1000)::float8 AS oldest_ms
             FROM (SELECT body, taken_at FROM delivery_row WHERE table_name = $1 ORDER BY position LIMIT $2) AS head`,
      values: [this.#table, maxRows],
    });
    const [row] = rows;
    return { rows: row?.rows ?? 0, bytes: Number(row?.bytes ?? 0), oldestMs: row?.oldest_ms ?? null };
  }

  /** The oldest rows, one at least where any waits, and no more than the limits allow. */
  async next({ maxRows, maxBytes }: BatchLimits): Promise<QueuedRow[]> {
    const { rows } = await this.#pool.query<{ position: bigint; key: string; date: string; body: string }>({
      name: 'databricks-sync-next',
      text: `SELECT position, row_key::text AS key, event_date AS date, body
             FROM delivery_row WHERE table_name = $1 ORDER BY position LIMIT $2`,
      values: [this.#table, maxRows],
    });
    let bytes = 0;
    const end = rows.findIndex((row, index) => {
      bytes += Buffer.byteLength(row.body) + 1;
      return index > 0 && bytes > maxBytes;
    });
    return end < 0 ? rows : rows.slice(0, end);
  }

  /**
   * Advances the watermark past rows that the target has, and lets go of them.
   *
   * @throws SyncError `lead_lost`
   */
  async delivered(rows: readonly QueuedRow[], epoch: bigint, nowMs: number): Promise<void> {
    const last = rows.at(-1);
    if (last === undefined) return;
    await transaction(this.#pool, async (tx) => {
      const state = await tx.query({
        name: 'databricks-sync-advance',
        text: `UPDATE delivery_state SET watermark = greatest(watermark, $3::bigint),
                 delivered_rows = delivered_rows + $4::bigint, last_success_at = to_timestamp($5::float8 / 1000.0),
                 last_error_at = NULL, last_error_code = NULL, last_error = NULL
               WHERE table_name = $1 AND epoch = $2`,
        values: [this.#table, epoch, last.position, rows.length, nowMs],
      });
      const removed = await tx.query({
        name: 'databricks-sync-remove',
        text: 'DELETE FROM delivery_row WHERE table_name = $1 AND position = ANY ($2::bigint[])',
        values: [this.#table, rows.map((row) => row.position)],
      });
      if (state.rowCount !== 1 || removed.rowCount !== rows.length) {
        throw new SyncError('lead_lost', `another writer delivers ${this.#table} now`);
      }
    });
  }

  /** Notes why a delivery failed, for readiness and the API of every replica. */
  async failed(code: string, message: string, epoch: bigint, nowMs: number): Promise<void> {
    await this.#pool.query(
      `UPDATE delivery_state SET last_error_at = to_timestamp($5::float8 / 1000.0), last_error_code = $3,
         last_error = $4
       WHERE table_name = $1 AND epoch = $2`,
      [this.#table, epoch, code, message, nowMs],
    );
  }
}
