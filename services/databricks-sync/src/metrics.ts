import { isInfrastructureError, type Pool } from '@tollgate/database';
import type { Metrics } from '@tollgate/telemetry';
import { type Progress, readProgress } from './queue/progress.ts';
import type { TableName } from './tables/columns.ts';
import type { RefusedRow } from './taking/parse-taken.ts';

export interface DatabricksSyncMetrics {
  readonly onDelivered: (table: TableName, rows: number, seconds: number) => void;
  readonly onFailed: (table: TableName, code: string) => void;
  readonly onRefused: (rows: readonly RefusedRow[]) => void;
}

const SECONDS_BUCKETS = [0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** What the service shows of itself; backlog and lag are looked up when they are scraped, whoever leads. */
export function databricksSyncMetrics(
  metrics: Metrics,
  parts: { readonly pool: Pool; readonly now: () => number },
): DatabricksSyncMetrics {
  const { pool, now } = parts;
  const shown = (name: string, help: string, of: (progress: Progress) => number): void => {
    metrics.gauge({
      name: `tollgate_databricks_sync_${name}`,
      help,
      labels: ['table'],
      collect: async (gauge) => {
        try {
          for (const progress of await readProgress(pool)) gauge.set({ table: progress.table }, of(progress));
        } catch (error) {
          // A scrape shows the rest while the database is away.
          if (!isInfrastructureError(error)) throw error;
        }
      },
    });
  };
  shown(
    'backlog_rows',
    'Rows that wait for delivery, counted up to 100,000.',
    ({ backlogRows }) => backlogRows,
  );
  shown('lag_seconds', 'How long the oldest row has been waiting.', ({ oldestWaitingMs }) =>
    oldestWaitingMs === null ? 0 : Math.max(0, now() - oldestWaitingMs) / 1000,
  );
  shown('refused_rows', 'Rows that no column of the target can hold. Any is an alarm.', (p) => p.refusedRows);
  const delivered = metrics.counter({
    name: 'tollgate_databricks_sync_delivered_rows_total',
    help: 'Rows that this process has delivered.',
    labels: ['table'],
  });
  const failures = metrics.counter({
    name: 'tollgate_databricks_sync_failures_total',
    help: 'Deliveries that failed and were done again, by error code.',
    labels: ['table', 'code'],
  });
  const seconds = metrics.histogram({
    name: 'tollgate_databricks_sync_delivery_seconds',
    help: 'How long a batch took, from the queue to the watermark.',
    labels: ['table'],
    buckets: SECONDS_BUCKETS,
  });
  const refused = metrics.counter({
    name: 'tollgate_databricks_sync_refused_rows_total',
    help: 'Rows that this process has refused, since no column can hold them.',
    labels: ['table'],
  });
  return {
    onDelivered(table, rows, took) {
      delivered.inc({ table }, rows);
      seconds.observe({ table }, took);
    },
    onFailed: (table, code) => failures.inc({ table, code }),
    onRefused(rows) {
      for (const { table } of rows) refused.inc({ table });
    },
  };
}
