import type { Caller } from './caller.ts';

/** What is known of a request before its body is read. */
export interface Arrival {
  /** UUIDv7: answered as `x-request-id`, and the subject of every event of the request. */
  readonly requestId: string;
  readonly caller: Caller;
  /** The instant that price and billing period follow, in milliseconds since the epoch. */
  readonly requestedAtMs: number;
  /** The same moment on the monotonic clock. */
  readonly arrivedMs: number;
}

/** The most that is kept of a caller's own request id. */
const CLIENT_REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The caller's own `x-request-id`, if it is one that can be kept: visible ASCII, at most 128 characters. */
export function clientRequestId(header: string | string[] | undefined): string | null {
  return typeof header === 'string' && CLIENT_REQUEST_ID.test(header) ? header : null;
}

/** The caller's W3C `traceparent`, if it is well formed. */
export function traceparent(header: string | string[] | undefined): string | null {
  return typeof header === 'string' && TRACEPARENT.test(header) ? header : null;
}
