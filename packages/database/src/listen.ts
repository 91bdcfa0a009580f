import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@tollgate/telemetry';
import pg from 'pg';
import { type ConnectionOptions, connect } from './connection.ts';

export type ListenOptions = ConnectionOptions & {
  readonly channel: string;
  /**
   * Called with each notification's payload, and with `undefined` after every (re)connection, when some may have
   * been missed: look for work then too.
   */
  readonly onNotify: (payload: string | undefined) => void;
  readonly retryMs?: number;
  readonly logger?: Logger;
};

export type Listener = { close(): Promise<void> };

const DEFAULT_RETRY_MS = 1_000;

/** LISTENs on a connection of its own, opened anew whenever it is lost. Returns at once; connects in the background. */
export function listen(options: ListenOptions): Listener {
  const closing = new AbortController();
  const running = keepListening(options, closing.signal);
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}

async function keepListening(options: ListenOptions, closing: AbortSignal): Promise<void> {
  while (!closing.aborted) {
    try {
      await listenOnce(options, closing);
    } catch (error) {
      options.logger?.warn({ err: error, channel: options.channel }, 'not listening; will connect again');
    }
    if (closing.aborted) return;
    await sleep(options.retryMs ?? DEFAULT_RETRY_MS, undefined, { signal: closing }).catch(() => {});
  }
}

/** Returns when closing, throws when the connection is lost. */
async function listenOnce(options: ListenOptions, closing: AbortSignal): Promise<void> {
  const client = await connect(options);
  try {
    const lost = new Promise<never>((_, reject) => {
      client.on('error', reject);
      client.on('end', () => reject(new Error('the connection ended')));
    });
    const closed = new Promise<void>((resolve) => {
      closing.addEventListener('abort', () => resolve(), { once: true });
      if (closing.aborted) resolve();
    });
    client.on('notification', (message) => options.onNotify(message.payload));
    await Promise.race([lost, client.query(`LISTEN ${pg.escapeIdentifier(options.channel)}`)]);
    options.onNotify(undefined);
    await Promise.race([lost, closed]);
  } finally {
    client.removeAllListeners('end');
    await client.end().catch(() => {});
  }
}
