import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@tollgate/telemetry';
import type pg from 'pg';
import { type ConnectionOptions, connect } from './connection.ts';

export type AdvisoryLockOptions = ConnectionOptions & {
  /** What is locked, within the database: `audit.integrator`. */
  readonly key: string;
  /** Called once when the lock is lost without `release`: stop at once what it protects. */
  readonly onLost: (cause: Error) => void;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
  /** Pause between two attempts; 1 s unless given. */
  readonly retryMs?: number;
  readonly logger?: Logger;
};

export type AdvisoryLock = {
  /** Aborted when the lock is lost or released: hand it to what runs under the lock. */
  readonly ended: AbortSignal;
  /** Gives the lock up and ends its connection. Idempotent. */
  release(): Promise<void>;
};

const DEFAULT_RETRY_MS = 1_000;
const CHECK_EVERY_MS = 2_000;
const CHECK_TIMEOUT_MS = 5_000;

/**
 * Waits for a session-level advisory lock and holds it on a connection of its own, through servers that are down
 * meanwhile. Throws only the signal's reason.
 *
 * The lock says who should lead, not that nobody else writes: a holder that is cut off learns of it up to
 * {@link CHECK_EVERY_MS} + {@link CHECK_TIMEOUT_MS} after the server has given the lock to another. What must never
 * be done twice needs a fencing epoch in its own transaction as well.
 */
export async function acquireAdvisoryLock(options: AdvisoryLockOptions): Promise<AdvisoryLock> {
  for (;;) {
    options.signal?.throwIfAborted();
    const client = await tryAcquire(options);
    if (client !== undefined) return hold(client, options);
    await sleep(
      options.retryMs ?? DEFAULT_RETRY_MS,
      undefined,
      options.signal ? { signal: options.signal } : {},
    );
  }
}

async function tryAcquire(options: AdvisoryLockOptions): Promise<pg.Client | undefined> {
  let client: pg.Client | undefined;
  try {
    client = await connect(options);
    const { rows } = await client.query<{ acquired: boolean }>(
      'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS acquired',
      [options.key],
    );
    if (rows[0]?.acquired === true) return client;
  } catch (error) {
    options.logger?.warn(
      { err: error, key: options.key },
      'cannot ask for the advisory lock; will try again',
    );
  }
  await client?.end().catch(() => {});
  return undefined;
}

function hold(client: pg.Client, options: AdvisoryLockOptions): AdvisoryLock {
  const ended = new AbortController();
  let timer: NodeJS.Timeout;

  function lose(cause: Error): void {
    if (ended.signal.aborted) return;
    finish();
    options.onLost(cause);
  }

  function finish(): void {
    clearTimeout(timer);
    ended.abort();
    client.end().catch(() => {});
  }

  function check(): void {
    const deadline = setTimeout(() => lose(new Error('the database did not answer')), CHECK_TIMEOUT_MS);
    client
      .query('SELECT 1')
      .then(() => {
        if (!ended.signal.aborted) timer = setTimeout(check, CHECK_EVERY_MS);
      }, lose)
      .finally(() => clearTimeout(deadline));
  }

  client.on('error', lose);
  client.on('end', () => lose(new Error('the connection ended')));
  timer = setTimeout(check, CHECK_EVERY_MS);

  return {
    ended: ended.signal,
    async release() {
      if (ended.signal.aborted) return;
      clearTimeout(timer);
      ended.abort();
      await client.end().catch(() => {});
    },
  };
}
