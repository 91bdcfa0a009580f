import pg from 'pg';
import { DatabaseError } from './errors.ts';

/**
 * SQLSTATE classes and codes (PostgreSQL documentation, appendix A) after which the same statement with the same
 * values can succeed later, because the server, its resources, its set-up or a concurrent transaction was the cause.
 */
const SQLSTATE_CLASSES = new Set([
  '08', // connection exception
  '28', // invalid authorization: a password being rotated
  '53', // insufficient resources
  '58', // system error outside Postgres: an I/O error
]);
const SQLSTATES = new Set([
  '25006', // read-only transaction: a failover left us on a standby
  '25P03', // idle-in-transaction time-out
  '25P04', // transaction time-out
  '3D000', // the database does not exist (yet)
  '40001', // serialization failure
  '40P01', // deadlock
  '42501', // a grant is missing: set-up, since statements are fixed texts
  '42P01', // a table is missing: not migrated
  '55P03', // lock not available
  '57014', // statement time-out
  '57P01', // admin shutdown
  '57P02', // crash shutdown
  '57P03', // cannot connect now
  '57P05', // idle session time-out
]);

const SYSTEM_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
]);

/** What `pg` throws without a code, by the start of its message. */
const CLIENT_MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Client has encountered a connection error',
  'Client was closed and is not queryable',
  'Query read timeout',
  'Cannot use a pool after calling end on the pool',
  'The server does not support SSL connections',
];

/** How deep a chain of causes is followed. */
const MAX_CAUSES = 8;

/**
 * Whether an error says "the database, not the data": the connection was lost, the server restarts or lacks
 * resources, another transaction won. A consumer backs off and tries again; anything else is the message's fault
 * and may be dead-lettered.
 */
export function isInfrastructureError(error: unknown): boolean {
  let current: unknown = error;
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Error; depth += 1) {
    if (isInfrastructureErrorItself(current)) return true;
    if (current instanceof AggregateError && current.errors.some(isInfrastructureError)) return true;
    current = current.cause;
  }
  return false;
}

/** Whether the server can't be reached, is starting or stopping, or has no room for another connection. */
export function isAway(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isAway);
  if (!(error instanceof Error)) return false;
  return (
    isConnectionError(error) ||
    (error instanceof pg.DatabaseError && codeOf(error)?.startsWith('53') === true)
  );
}

/** Whether the connection itself is gone or in an unknown state, so that it must not be used again. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  if (error instanceof pg.DatabaseError) {
    return code !== undefined && (code.startsWith('08') || code.startsWith('57P') || code === '25P03');
  }
  return (
    (code !== undefined && SYSTEM_ERRORS.has(code)) ||
    CLIENT_MESSAGES.some((start) => error.message.startsWith(start))
  );
}

function isInfrastructureErrorItself(error: Error): boolean {
  const code = codeOf(error);
  if (error instanceof pg.DatabaseError) {
    return code !== undefined && (SQLSTATES.has(code) || SQLSTATE_CLASSES.has(code.slice(0, 2)));
  }
  if (error instanceof DatabaseError) {
    return error.code === 'not_migrated' || error.code === 'migrated_by_newer_release';
  }
  return isConnectionError(error);
}

function codeOf(error: Error): string | undefined {
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' ? code : undefined;
}
