import { openPool } from '@tollgate/database';
import type { Logger, Metrics } from '@tollgate/telemetry';
import type { Bus, Publisher, Running } from '../bus.ts';
import { BusError } from '../errors.ts';
import { busMetrics } from '../metrics.ts';
import type { PostgresBusConfig } from './config.ts';
import { startConsuming } from './consume/consume.ts';
import type { PostgresContext } from './context.ts';
import { startFollowing } from './follow/follow.ts';
import { Housekeeping } from './housekeeping.ts';
import { createPostgresPublisher } from './publisher.ts';
import { LogWatch } from './watch.ts';

export type PostgresBusOptions = {
  readonly logger: Logger;
  /** One bus per registry. */
  readonly metrics?: Metrics;
  /** Shown in `pg_stat_activity`; `tollgate` unless given. */
  readonly clientId?: string;
  readonly clock?: { now(): number };
  /** From 0 up to 1; `Math.random` unless given. */
  readonly random?: () => number;
  /** Between two rounds of compaction and retention; a minute unless given. */
  readonly housekeepingEveryMs?: number;
};

/** Four readers, a publisher and its announcements, dead letters. */
const MAX_CONNECTIONS = 6;
/** An append or a page that takes longer has failed. */
const STATEMENT_TIMEOUT_MS = 15_000;

/**
 * The bus in Postgres. Nothing here waits for the database: publishers connect at their first batch, consumers and
 * followers in the background, and their `trouble()` says so meanwhile. Costs one connection that waits, once
 * something is consumed or followed, and up to six that work.
 */
export function createPostgresBus(config: PostgresBusConfig, options: PostgresBusOptions): Bus {
  const { logger } = options;
  const applicationName = `${options.clientId ?? 'tollgate'}-bus`;
  const pool = openPool({
    url: config.url,
    applicationName,
    maxConnections: MAX_CONNECTIONS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    logger,
  });
  const context: PostgresContext = {
    url: config.url,
    applicationName,
    pool,
    logger,
    ...(options.metrics === undefined ? {} : { metrics: busMetrics(options.metrics) }),
    nowMs: () => options.clock?.now() ?? Date.now(),
    random: options.random ?? Math.random,
  };
  const watch = new LogWatch(context);
  const housekeeping = new Housekeeping(context, options.housekeepingEveryMs);
  const running = new Set<Running>();
  const publishers = new Set<Publisher>();
  let keepsHouse = false;
  let closing: Promise<void> | undefined;

  function assertOpen(): void {
    if (closing !== undefined) throw new BusError('closed', 'the bus has been closed');
  }
  function publisher(): Publisher {
    const made = createPostgresPublisher(context);
    publishers.add(made);
    return made;
  }
  function keep<R extends Running>(one: R): R {
    running.add(one);
    if (!keepsHouse) watch.add(housekeeping);
    keepsHouse = true;
    return one;
  }
  async function close(): Promise<void> {
    await Promise.all([...running].map((one) => one.stop()));
    await Promise.all([...publishers].map((one) => one.close()));
    await housekeeping.stop();
    await watch.stop();
    await pool.end();
  }

  return {
    async createPublisher() {
      assertOpen();
      return publisher();
    },
    async consume(consumeOptions) {
      assertOpen();
      return keep(startConsuming(context, watch, consumeOptions, publisher()));
    },
    async follow(followOptions) {
      assertOpen();
      return keep(await startFollowing(context, watch, followOptions));
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}
