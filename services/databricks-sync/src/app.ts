import { setTimeout as sleep } from 'node:timers/promises';
import { assertMigrated, listen, type Pool } from '@tollgate/database';
import { TOPICS, type Topic } from '@tollgate/events';
import {
  followDirectory,
  type Service,
  type ServiceParts,
  type Stoppable,
  startServiceFace,
  stopInOrder,
} from '@tollgate/http';
import { deliveryRoutes } from './api/delivery-routes.ts';
import { totalsRoutes } from './api/totals-routes.ts';
import { startDeliverer } from './delivery/deliverer.ts';
import { Preparation } from './delivery/preparation.ts';
import { databricksSyncMetrics } from './metrics.ts';
import { databricksSyncMigrations } from './migrations.ts';
import { append, NEW_ROWS_CHANNEL } from './queue/append.ts';
import { readProgress } from './queue/progress.ts';
import { TABLE_NAMES } from './tables/columns.ts';
import { parseTaken } from './taking/parse-taken.ts';
import type { LakehouseTarget } from './target/lakehouse-target.ts';

export interface DatabricksSyncParts extends ServiceParts {
  /** Closed by whoever made it. */
  readonly target: LakehouseTarget;
  readonly maxStalenessMs: number;
  readonly maxBatchRows: number;
  readonly maxBatchBytes: number;
  readonly deliveryDeadlineMs: number;
  /** In [0, 1). */
  readonly random?: () => number;
}

/** Everything but the dead letters, which are no history: what the audit service archives. */
const CONSUMED: readonly Topic[] = TOPICS.filter((topic) => topic !== 'dead-letter');
/** A row that waits so much longer than it may, while the last delivery failed, fails readiness. */
const STUCK_AFTER_MS = 30_000;

/**
 * The delivery from its parts: consumer, a deliverer per table, outbox and API.
 *
 * @throws DatabaseError `not_migrated`
 */
export async function createDatabricksSync(parts: DatabricksSyncParts): Promise<Service> {
  const { pool, bus, target, logger, metrics, now = Date.now, random = Math.random } = parts;
  await assertMigrated({ pool, ...databricksSyncMigrations });
  const { kind, standIn, location } = target.description;
  logger.info(
    { kind, location },
    standIn
      ? 'rows go to a DuckDB file, a stand-in: no lakehouse is configured (DATABRICKS_HTTP_PATH)'
      : 'rows go to Databricks SQL',
  );
  const started: Stoppable[] = [];
  try {
    const directory = await followDirectory({ bus, now });
    started.push(directory);
    const shown = databricksSyncMetrics(metrics, { pool, now });
    const connection = { url: parts.databaseUrl, applicationName: 'tollgate-databricks-sync-delivery' };
    const preparation = new Preparation(() => target.init());
    const deliverers = TABLE_NAMES.map((table) =>
      startDeliverer({
        table,
        target,
        preparation,
        pool,
        connection,
        limits: { maxRows: parts.maxBatchRows, maxBytes: parts.maxBatchBytes },
        maxStalenessMs: parts.maxStalenessMs,
        deadlineMs: parts.deliveryDeadlineMs,
        logger,
        now,
        random,
        onDelivered: (rows, seconds) => shown.onDelivered(table, rows, seconds),
        onFailed: (code) => shown.onFailed(table, code),
      }),
    );
    started.push({ stop: async () => void (await Promise.all(deliverers.map((each) => each.stop()))) });
    const listener = listen({
      ...connection,
      channel: NEW_ROWS_CHANNEL,
      onNotify: () => {
        for (const deliverer of deliverers) deliverer.wake();
      },
      logger,
    });
    started.push({ stop: () => listener.close() });
    const consumer = await bus.consume({
      group: 'databricks-sync',
      topics: CONSUMED,
      pool,
      parse: parseTaken,
      async handle(batch, tx) {
        const refused = await append(batch, tx, now());
        shown.onRefused(refused);
        for (const { table, key, code, reason } of refused) {
          logger.error(
            { table, key, code },
            `a row can not be delivered and is kept in refused_row: ${reason}`,
          );
        }
      },
    });
    started.push(consumer);
    const face = await startServiceFace({
      ...parts,
      name: 'databricks-sync',
      view: directory.view,
      routes: [
        ...deliveryRoutes({ pool, description: target.description, now }),
        ...totalsRoutes({ target, pause: (ms) => sleep(ms) }),
      ],
      checks: {
        consumer: () => consumer.trouble(),
        delivery: () => stuck(pool, now(), parts.maxStalenessMs),
        directory: () => directory.check(),
      },
    });
    started.push(face);
    return { http: face.http, listen: face.listen, stop: () => stopInOrder(started).stop() };
  } catch (error) {
    await stopInOrder(started).stop();
    throw error;
  }
}

/** Why rows do not arrive, whoever leads; null while they do, or are within their time. */
async function stuck(pool: Pool, nowMs: number, maxStalenessMs: number): Promise<string | null> {
  const reasons = (await readProgress(pool)).flatMap(({ table, oldestWaitingMs, lastErrorCode }) => {
    if (oldestWaitingMs === null) return [];
    const waitingMs = nowMs - oldestWaitingMs;
    const late = waitingMs > maxStalenessMs + STUCK_AFTER_MS;
    if (lastErrorCode !== 'target_refused' && !(late && lastErrorCode !== null)) return [];
    return [`rows of ${table} have been waiting for ${Math.round(waitingMs / 1000)} s: ${lastErrorCode}`];
  });
  return reasons.length === 0 ? null : reasons.join('; ');
}
