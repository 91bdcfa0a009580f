import { setTimeout as sleep } from 'node:timers/promises';
import type { Running } from '@tollgate/bus';
import {
  acquireAdvisoryLock,
  type ConnectionOptions,
  isInfrastructureError,
  type Pool,
} from '@tollgate/database';
import type { Logger } from '@tollgate/telemetry';
import { SyncError } from '../errors.ts';
import { type BatchLimits, TableQueue } from '../queue/queue.ts';
import type { TableName } from '../tables/columns.ts';
import type { LakehouseTarget } from '../target/lakehouse-target.ts';
import { backoffMs } from './backoff.ts';
import { distinct } from './distinct.ts';
import type { Preparation } from './preparation.ts';

export interface DelivererOptions {
  readonly table: TableName;
  readonly target: LakehouseTarget;
  /** Makes the target's tables; shared by the deliverers of all tables. */
  readonly preparation: Preparation;
  readonly pool: Pool;
  /** The same database, for the lock's own connection. */
  readonly connection: ConnectionOptions;
  readonly limits: BatchLimits;
  /** A row is delivered at the latest so long after it was taken in, where the target lets us. */
  readonly maxStalenessMs: number;
  /** How long one delivery may take before it is given up, and done again. */
  readonly deadlineMs: number;
  readonly logger: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly onDelivered: (rows: number, seconds: number) => void;
  readonly onFailed: (code: string) => void;
}

export interface Deliverer extends Running {
  /** There may be new rows. */
  wake(): void;
}

/** Rows that wait below the limits are looked at so often. */
const LOOK_EVERY_MS = 1_000;
/** Notifications come first; this finds what they missed. */
const IDLE_LOOK_EVERY_MS = 5_000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 30_000;
/** Where the statement itself is refused, trying again serves to notice that somebody has mended it. */
const REFUSED_RETRY_MS = 30_000;
/** A file that somebody reads is free again soon. */
const MAX_BUSY_RETRY_MS = 1_000;
const LOCK_RETRY_MS = 500;
/** How long stopping waits for the delivery under way; it is done again at the next start. */
const STOP_GRACE_MS = 3_000;
const MAX_ERROR_LENGTH = 1_000;

/**
 * Delivers one table's queue: of all replicas, one at a time. Takes the oldest rows, has the target merge them, and
 * only then advances the watermark; whatever fails in between is done again, which the target turns into nothing.
 */
export function startDeliverer(options: DelivererOptions): Deliverer {
  const loop = new DeliveryLoop(options);
  const running = loop.run();
  return {
    trouble: () => loop.trouble(),
    wake: () => loop.wake(),
    async stop() {
      loop.end();
      await Promise.race([running, sleep(STOP_GRACE_MS, undefined, { ref: false })]);
    },
  };
}

class DeliveryLoop {
  readonly #options: DelivererOptions;
  readonly #queue: TableQueue;
  readonly #stopping = new AbortController();
  #wake = Promise.withResolvers<void>();
  #problem: string | null = null;
  #failures = 0;

  constructor(options: DelivererOptions) {
    this.#options = options;
    this.#queue = new TableQueue(options.pool, options.table);
  }

  trouble(): string | null {
    return this.#problem;
  }

  wake(): void {
    this.#wake.resolve();
  }

  end(): void {
    this.#stopping.abort();
    this.wake();
  }

  async run(): Promise<void> {
    const { connection, table, logger } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const lock = await acquireAdvisoryLock({
          ...connection,
          key: `databricks-sync.${table}`,
          retryMs: LOCK_RETRY_MS,
          signal,
          logger,
          onLost: (cause) => {
            logger.warn({ err: cause, table }, 'the delivery lost its lead');
            this.wake();
          },
        });
        try {
          await this.#lead(lock.ended);
        } finally {
          await lock.release();
        }
      } catch (error) {
        if (signal.aborted) break;
        logger.warn({ err: error, table }, 'the delivery could not take the lead; it will try again');
        await this.#pause(LOCK_RETRY_MS);
      }
    }
  }

  async #lead(lost: AbortSignal): Promise<void> {
    const epoch = await this.#queue.lead();
    while (!lost.aborted && !this.#stopping.signal.aborted) {
      try {
        const waitMs = await this.#step(epoch);
        this.#problem = null;
        this.#failures = 0;
        if (waitMs !== null) await this.#idle(waitMs);
      } catch (error) {
        if (error instanceof SyncError && error.code === 'lead_lost') return;
        await this.#pause(await this.#failed(error, epoch));
      }
    }
  }

  /** Delivers a batch if one is due. @returns how long to wait before the next look; null for not at all */
  async #step(epoch: bigint): Promise<number | null> {
    const { limits, maxStalenessMs, now, table } = this.#options;
    const { rows, bytes, oldestMs } = await this.#queue.waiting(limits.maxRows);
    if (oldestMs === null) return IDLE_LOOK_EVERY_MS;
    const full = rows >= limits.maxRows || bytes >= limits.maxBytes;
    const dueInMs = oldestMs + maxStalenessMs - now();
    // A wait that was asked for by what failed before is over by now.
    if (!full && dueInMs > 0 && this.#failures === 0) {
      await this.#pause(Math.min(dueInMs, LOOK_EVERY_MS));
      return null;
    }
    const batch = await this.#queue.next(limits);
    const sinceMs = performance.now();
    await this.#deliver(distinct(batch));
    await this.#queue.delivered(batch, epoch, now());
    this.#options.onDelivered(batch.length, (performance.now() - sinceMs) / 1000);
    this.#options.logger.debug({ table, rows: batch.length }, 'delivered');
    return null;
  }

  async #deliver(rows: Parameters<LakehouseTarget['deliver']>[1]): Promise<void> {
    const { target, table, deadlineMs, preparation } = this.#options;
    const deadline = AbortSignal.timeout(deadlineMs);
    const late = new Promise<never>((_, reject) => {
      deadline.addEventListener('abort', () =>
        reject(new SyncError('target_unavailable', `no answer within ${deadlineMs} ms`)),
      );
    });
    const work = async () => {
      await preparation.ready();
      await target.deliver(table, rows, deadline);
    };
    await Promise.race([work(), late]);
  }

  /** @returns how long to wait before trying again */
  async #failed(error: unknown, epoch: bigint): Promise<number> {
    const { table, logger, now, random, onFailed } = this.#options;
    this.#failures += 1;
    const code = codeOf(error);
    const message = (error instanceof Error ? error.message : String(error)).slice(0, MAX_ERROR_LENGTH);
    this.#problem = `rows of ${table} wait: ${code}`;
    // Whoever looks at a file for a moment is no failure.
    if (code !== 'target_busy' || this.#failures > 1) {
      onFailed(code);
      logger.warn(
        { err: error, table, code, failures: this.#failures },
        'a delivery failed; it will be done again',
      );
      await this.#queue.failed(code, message, epoch, now()).catch((cause: unknown) => {
        logger.warn({ err: cause, table }, 'the failure could not be noted');
      });
    }
    const maxMs =
      code === 'target_busy'
        ? MAX_BUSY_RETRY_MS
        : code === 'target_refused'
          ? REFUSED_RETRY_MS
          : MAX_RETRY_MS;
    const retryAfterMs = error instanceof SyncError ? error.retryAfterMs : undefined;
    return backoffMs(this.#failures, { firstMs: FIRST_RETRY_MS, maxMs }, random(), retryAfterMs);
  }

  async #idle(ms: number): Promise<void> {
    const timer = new AbortController();
    await Promise.race([this.#wake.promise, sleep(ms, undefined, { signal: timer.signal }).catch(() => {})]);
    timer.abort();
    this.#wake = Promise.withResolvers<void>();
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}

function codeOf(error: unknown): string {
  if (error instanceof SyncError) return error.code;
  return isInfrastructureError(error) ? 'database_unavailable' : 'unexpected';
}
