import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@tollgate/telemetry';
import { type ConnectionOptions, connect } from './connection.ts';
import { DatabaseError } from './errors.ts';
import { isAway } from './infrastructure-error.ts';

export type WaitForDatabaseOptions = ConnectionOptions & {
  /** 0: one attempt. */
  readonly timeoutMs: number;
  /** Ends the wait: its reason is thrown. */
  readonly signal?: AbortSignal;
  readonly logger: Logger;
  readonly clock?: { now(): number };
};

const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 5_000;

/**
 * Resolves once the server takes connections. Waits, with pauses that grow, only while it can't be reached, is starting
 * or has no room; what waiting does not mend (a password, a database that is not there) is thrown at once. Every
 * attempt that fails is a line in the log, with host and database, never with role or password.
 *
 * @throws DatabaseError `unreachable` once the time is over; the signal's reason; the driver's error
 */
export async function waitForDatabase(options: WaitForDatabaseOptions): Promise<void> {
  const { timeoutMs, signal, logger, clock = Date } = options;
  const place = placeOf(options.url);
  const deadlineMs = clock.now() + timeoutMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    signal?.throwIfAborted();
    try {
      await attempt(options, signal);
      return;
    } catch (error) {
      signal?.throwIfAborted();
      if (!isAway(error)) throw error;
      const why = error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : messageOf(error);
      const leftMs = deadlineMs - clock.now();
      if (leftMs <= 0) {
        throw new DatabaseError(
          'unreachable',
          `no Postgres at ${place} within ${timeoutMs / 1000} s (${why}): start it, or correct the URL`,
          { cause: error },
        );
      }
      logger.warn({ database: place, cause: why, leftMs }, `waiting for Postgres at ${place}`);
      await sleep(Math.min(pauseMs, leftMs), undefined, signal === undefined ? {} : { signal }).catch(
        () => {},
      );
    }
  }
}

/** One connection, given up when the signal says so. */
async function attempt(options: ConnectionOptions, signal: AbortSignal | undefined): Promise<void> {
  const connecting = connect(options).then((client) => client.end());
  if (signal === undefined) return connecting;
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  // Whichever comes second has nobody left to hear of it.
  connecting.catch(() => {});
  try {
    await Promise.race([connecting, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** `host:port/database` of a URL, without role and password. */
function placeOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `${host}${pathname}`;
  } catch {
    return 'the given URL';
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
