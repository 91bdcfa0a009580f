import type { Logger } from '@tollgate/telemetry';
import pg from 'pg';
import { type ConnectionOptions, clientConfig } from './connection.ts';

export type Pool = pg.Pool;

export type PoolOptions = ConnectionOptions & {
  /** Connections at most; 10 unless given. */
  readonly maxConnections?: number;
  /** A statement that runs longer is cancelled by the server (57014); 60 s unless given. */
  readonly statementTimeoutMs?: number;
  /** Told of connections that break while nobody uses them. */
  readonly logger?: Logger;
};

const DEFAULT_MAX_CONNECTIONS = 10;
const DEFAULT_STATEMENT_TIMEOUT_MS = 60_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000;
const IDLE_CONNECTION_MS = 30_000;
/** How much longer than the server's own time-out the client waits for an answer before it gives the connection up. */
const ANSWER_GRACE_MS = 5_000;

/**
 * A pool that outlives the server: a connection that breaks while idle is dropped and logged, and the next query
 * opens a new one. End it with `pool.end()`.
 */
export function openPool(options: PoolOptions): Pool {
  const statementTimeoutMs = options.statementTimeoutMs ?? DEFAULT_STATEMENT_TIMEOUT_MS;
  const pool = new pg.Pool({
    ...clientConfig(options),
    max: options.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + ANSWER_GRACE_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
  });
  pool.on('error', (error) => {
    // Who ends the pool may stop the server before all connections have said goodbye.
    if (pool.ending) return;
    // Not the error itself: it holds the connection, with the key to cancel its queries.
    options.logger?.warn(
      { cause: error.message },
      'database connection lost while idle; it will be opened anew',
    );
  });
  // A checked-out connection that breaks between two queries emits its own event, which nobody else listens to;
  // the next query on it fails, and so tells whoever holds it.
  pool.on('connect', (client) => {
    client.on('error', () => {});
  });
  return pool;
}
