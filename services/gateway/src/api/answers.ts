import type { ServerResponse } from 'node:http';
import type { Protocol } from '../body/protocol.ts';
import type { Refusal } from '../errors.ts';
import { databricksError } from './databricks-error.ts';
import { isInvocation } from './paths.ts';

/** More headers of an answer, such as those of limits. */
type Headers = Readonly<Record<string, string>>;

/** Up to this size an answer's copy costs less than writing it apart from its head. */
const JOINED_BYTES = 16 * 1024;

/** An error body as clients of that path read it: OpenAI's, or at invocations Databricks'. */
function errorBody(refusal: Refusal, url: string | undefined): Buffer {
  const { message, type, param, code } = refusal;
  const body = isInvocation(url) ? databricksError(refusal) : { error: { message, type, param, code } };
  return Buffer.from(JSON.stringify(body));
}

/** Writes a refusal as the whole answer. */
export function writeRefusal(
  res: ServerResponse,
  requestId: string,
  refusal: Refusal,
  headers: Headers | null = null,
): void {
  const body = errorBody(refusal, res.req.url);
  res.writeHead(refusal.status, {
    'content-type': 'application/json',
    'content-length': body.length,
    'x-request-id': requestId,
    ...headers,
    ...refusal.headers,
    ...(refusal.retryAfter === null ? {} : { 'retry-after': String(refusal.retryAfter) }),
  });
  res.end(body);
}

/** Writes an answer of the upstream as the whole answer. */
export function writeAnswer(
  res: ServerResponse,
  requestId: string,
  status: number,
  contentType: string,
  body: Buffer,
  headers: Headers | null = null,
): void {
  const own = {
    'content-type': contentType,
    'content-length': body.length,
    'x-request-id': requestId,
  };
  res.writeHead(status, headers === null ? own : { ...own, ...headers });
  // As text of the same bytes, Node joins it with the head and makes one plain write of both.
  if (body.length <= JOINED_BYTES) res.end(body.toString('latin1'), 'latin1');
  else res.end(body);
}

/** Begins a stream of events. */
export function writeStreamHead(
  res: ServerResponse,
  requestId: string,
  status: number,
  headers: Headers | null = null,
): void {
  const own = {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-request-id': requestId,
  };
  res.writeHead(status, headers === null ? own : { ...own, ...headers });
}

/** The event that tells of an error after the first byte, as the protocol of the stream writes it. */
export function errorEvent(refusal: Refusal, protocol: Protocol): Buffer {
  const { message, type, param, code } = refusal;
  const error = { message, type, param, code };
  // Clients of the Responses API look for the members at either level; the gateway counts no events.
  const data =
    protocol === 'responses' ? { type: 'error', sequence_number: 0, code, message, param, error } : { error };
  const name = protocol === 'responses' ? 'event: error\n' : '';
  return Buffer.from(`${name}data: ${JSON.stringify(data)}\n\n`);
}
