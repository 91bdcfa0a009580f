import { SyncError } from '../../errors.ts';

const TOO_MANY_REQUESTS = 429;
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
const FIRST_SERVER_ERROR = 500;
const MAX_RETRY_AFTER_MS = 300_000;

/** By class or whole SQLSTATE: cancelled or shut down, out of resources, connection, system. */
const TRANSIENT_STATES = /^(08|53|57|58)/;
const DENIED_STATES = /^(28|42501)/;
/** Another transaction has won; the same statement can succeed next time. */
const CONCURRENT =
  /\[DELTA_CONCURRENT_|ConcurrentAppendException|ConcurrentTransaction|MetadataChangedException/;
const SESSION_GONE = /Invalid SessionHandle|INVALID_HANDLE|session .*(expired|closed)/i;

/** Whether the session is gone, so that the statement was not executed and another session is needed. */
export function isSessionGone(error: unknown): boolean {
  return SESSION_GONE.test(textOf(error, 'message') ?? '');
}

/** Whether the credentials were refused. */
export function isRefusedCredential(error: unknown): boolean {
  const status = numberOf(error, 'statusCode');
  return status === UNAUTHORIZED || status === FORBIDDEN;
}

/**
 * What an error of the driver means for the delivery. The driver has no common class: an HTTP status is on
 * THTTPException, a SQLSTATE in the response of OperationStateError, a broken connection is a FetchError. What is not
 * known to come from the statement itself is tried again.
 */
export function databricksError(cause: unknown): SyncError {
  if (cause instanceof SyncError) return cause;
  const status = numberOf(cause, 'statusCode');
  if (status !== undefined) return httpError(status, cause);
  const sqlState = textOf(memberOf(cause, 'response'), 'sqlState');
  const message = textOf(cause, 'message') ?? '';
  if (CONCURRENT.test(message)) {
    return new SyncError('target_busy', 'another writer has changed the table just now', { cause });
  }
  if (sqlState !== undefined && sqlState !== '' && !TRANSIENT_STATES.test(sqlState)) {
    return DENIED_STATES.test(sqlState)
      ? new SyncError('target_denied', `SQLSTATE ${sqlState}: grant the rights that the init lists`, {
          cause,
        })
      : new SyncError('target_refused', `SQLSTATE ${sqlState} ${conditionOf(message)}: see the log`, {
          cause,
        });
  }
  const reason = textOf(cause, 'code') ?? textOf(cause, 'name') ?? 'unknown';
  return new SyncError('target_unavailable', `the warehouse does not answer (${sqlState ?? reason})`, {
    cause,
  });
}

function httpError(status: number, cause: unknown): SyncError {
  const retryAfterMs = retryAfterOf(memberOf(cause, 'response'));
  if (status === UNAUTHORIZED || status === FORBIDDEN) {
    return new SyncError('target_denied', `HTTP ${status}: check token and permissions of the warehouse`, {
      cause,
    });
  }
  if (status === TOO_MANY_REQUESTS || status >= FIRST_SERVER_ERROR) {
    return new SyncError('target_unavailable', `the warehouse answered HTTP ${status}`, {
      cause,
      retryAfterMs,
    });
  }
  return new SyncError('target_refused', `the warehouse answered HTTP ${status}: check host and path`, {
    cause,
  });
}

/** Spark's name of the condition, such as DELTA_CANNOT_MODIFY_APPEND_ONLY; the rest can quote values. */
function conditionOf(message: string): string {
  return /\[([A-Z0-9_.]+)\]/.exec(message)?.[1] ?? '';
}

/** Seconds or a date (RFC 9110, 10.2.3), of which the driver itself takes the first for milliseconds. */
function retryAfterOf(response: unknown): number | undefined {
  const headers = memberOf(response, 'headers');
  if (!(headers instanceof Object) || !('get' in headers) || typeof headers.get !== 'function')
    return undefined;
  const value: unknown = headers.get('retry-after');
  if (typeof value !== 'string') return undefined;
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function textOf(value: unknown, name: string): string | undefined {
  const member = memberOf(value, name);
  return typeof member === 'string' ? member : undefined;
}

function numberOf(value: unknown, name: string): number | undefined {
  const member = memberOf(value, name);
  return typeof member === 'number' ? member : undefined;
}
