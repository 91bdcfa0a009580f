import { setTimeout as sleep } from 'node:timers/promises';
import { openPool } from '@tollgate/database';
import { type EmbeddedPostgres, isAlive } from '@tollgate/database/embedded';
import type { Logger } from '@tollgate/telemetry';

export interface PostgresGuardOptions {
  readonly postgres: EmbeddedPostgres;
  readonly logger: Logger;
  /** It has ended although nobody asked it to. */
  readonly onLost: () => void;
  /** It serves again, on the same port. */
  readonly onBack: (afterMs: number) => void;
  /** It can't be started again. */
  readonly onGivenUp: (error: unknown) => void;
}

const RECONNECT_MS = 200;
const RESTART_PAUSE_MS = 500;
const MAX_RESTARTS = 5;

/**
 * Starts Postgres again when it ends by itself or is killed: the services wait for it and go on. One idle connection
 * tells of its end, so that nothing is polled.
 */
export function guardPostgres(options: PostgresGuardOptions): { stop(): Promise<void> } {
  const { postgres, logger } = options;
  const stopping = new AbortController();
  const { signal } = stopping;

  async function restart(): Promise<void> {
    const sinceMs = performance.now();
    options.onLost();
    for (let attempt = 1; ; attempt += 1) {
      try {
        await postgres.restart();
        options.onBack(performance.now() - sinceMs);
        return;
      } catch (error) {
        logger.error({ err: error, attempt }, 'Postgres did not start again');
        if (attempt === MAX_RESTARTS) throw error;
        await sleep(RESTART_PAUSE_MS * attempt, undefined, { signal });
      }
    }
  }

  async function guard(): Promise<void> {
    while (!signal.aborted) {
      await connectionLost(postgres.url, signal);
      if (signal.aborted) return;
      if (!(await isAlive(postgres.process))) await restart();
      else await sleep(RECONNECT_MS, undefined, { signal });
    }
  }

  const guarding = guard().catch((error: unknown) => {
    if (!signal.aborted) options.onGivenUp(error);
  });
  return {
    async stop() {
      stopping.abort();
      await guarding;
    },
  };
}

/** Holds a connection, and returns when it is gone or could not be had. */
async function connectionLost(url: string, signal: AbortSignal): Promise<void> {
  const pool = openPool({ url, applicationName: 'tollgate-guard', maxConnections: 1 });
  try {
    const client = await pool.connect();
    await new Promise<void>((resolve) => {
      client.once('end', () => resolve());
      client.once('error', () => resolve());
      signal.addEventListener('abort', () => resolve(), { once: true });
      if (signal.aborted) resolve();
    });
    client.release(true);
  } catch {
    // As good as lost.
  } finally {
    await pool.end();
  }
}
