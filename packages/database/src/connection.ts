import type { ConnectionOptions as TlsOptions } from 'node:tls';
import pg from 'pg';
import { valueParsers } from './value-parsers.ts';

/** How to reach a server. */
export type ConnectionOptions = {
  /** `postgres://role:password@host:port/database`, with `?sslmode=` and so on as libpq knows them. */
  readonly url: string;
  /** Shown in `pg_stat_activity`: `tollgate-<service>`. */
  readonly applicationName: string;
  /** TLS beyond what the URL says, as `node:tls` takes it (`ca`, `cert`, `key`, `rejectUnauthorized`). */
  readonly ssl?: boolean | TlsOptions;
};

export const CONNECT_TIMEOUT_MS = 10_000;
export const KEEP_ALIVE_AFTER_MS = 10_000;

/** What every connection of ours is opened with: UTC, ISO dates, our value parsers, TCP keep-alive. */
export function clientConfig(options: ConnectionOptions): pg.ClientConfig {
  return {
    connectionString: options.url,
    application_name: options.applicationName,
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
    options: '-c timezone=UTC -c datestyle=ISO,MDY',
    types: valueParsers,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
  };
}

/** A connected client of its own, outside any pool. The caller ends it. */
export async function connect(options: ConnectionOptions): Promise<pg.Client> {
  const client = new pg.Client(clientConfig(options));
  // Without a listener, a connection lost between two queries would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  return client;
}
