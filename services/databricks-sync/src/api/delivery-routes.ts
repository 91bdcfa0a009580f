import type { Pool } from '@tollgate/database';
import { type Route, route } from '@tollgate/http';
import { z } from 'zod';
import { type Progress, readProgress } from '../queue/progress.ts';
import { TABLE_NAMES } from '../tables/columns.ts';
import type { TargetDescription } from '../target/lakehouse-target.ts';

const instant = z.string().nullable();

const delivery = z
  .object({
    table: z.enum(TABLE_NAMES),
    /** The highest position of the queue that was delivered. */
    watermark: z.string(),
    delivered_rows: z.int().min(0),
    /** Counted up to 100,000. */
    backlog_rows: z.int().min(0),
    /** How long the oldest row has been waiting; null where none waits. */
    lag_seconds: z.number().nullable(),
    last_success_at: instant,
    /** Null once a delivery has succeeded. */
    last_error: z.object({ at: instant, code: z.string(), message: z.string().nullable() }).nullable(),
    /** Rows that no column of the target can hold, kept in the service's table refused_row. */
    refused_rows: z.int().min(0),
  })
  .meta({ id: 'Delivery' });

const target = z
  .object({
    kind: z.enum(['databricks-sql', 'duckdb-file']),
    /** Not a lakehouse, but a file that shows what would be delivered. */
    stand_in: z.boolean(),
    location: z.string(),
  })
  .meta({ id: 'Target' });

/** `GET /v1/deliveries`. */
export function deliveryRoutes(parts: {
  readonly pool: Pool;
  readonly description: TargetDescription;
  readonly now: () => number;
}): Route[] {
  const { pool, description, now } = parts;
  return [
    route({
      method: 'GET',
      path: '/v1/deliveries',
      access: { scope: 'lakehouse:read' },
      operationId: 'listDeliveries',
      summary: 'How far each table of the lakehouse has come',
      tag: 'deliveries',
      query: z.strictObject({}),
      answers: { 200: z.object({ target, items: z.array(delivery) }) },
      async handle() {
        const items = await readProgress(pool);
        const { kind, standIn, location } = description;
        return {
          status: 200,
          body: {
            target: { kind, stand_in: standIn, location },
            items: items.map((item) => shown(item, now())),
          },
        };
      },
    }),
  ];
}

function shown(progress: Progress, nowMs: number): z.input<typeof delivery> {
  const { oldestWaitingMs, lastErrorCode } = progress;
  return {
    table: progress.table,
    watermark: String(progress.watermark),
    delivered_rows: Number(progress.deliveredRows),
    backlog_rows: progress.backlogRows,
    lag_seconds: oldestWaitingMs === null ? null : Math.max(0, nowMs - oldestWaitingMs) / 1000,
    last_success_at: progress.lastSuccessAt,
    last_error:
      lastErrorCode === null
        ? null
        : { at: progress.lastErrorAt, code: lastErrorCode, message: progress.lastError },
    refused_rows: progress.refusedRows,
  };
}
