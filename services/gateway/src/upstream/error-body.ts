import { type Refusal, refuse } from '../errors.ts';
import { isRecord } from '../metering/reported-usage.ts';
import type { Upstream } from './upstream.ts';

/** The longest message of an upstream that is passed on. */
const MAX_MESSAGE_CHARACTERS = 1000;

/** Seconds a caller is asked to wait where a 429 or 503 of the upstream names none. */
const DEFAULT_RETRY_AFTER_SECONDS = 1;

const MAX_RETRY_AFTER_SECONDS = 3600;

/**
 * An upstream's error answer in OpenAI's shape, with the status it came with. Reads OpenAI's own bodies,
 * Databricks' `{"error_code","message"}` and its guardrail blocks (a JSON text within `message`); a body of any
 * other kind becomes a general message. What concerns the gateway's own credential is never passed on.
 *
 * @param upstream hides the gateway's credential wherever the body quotes it
 */
export function upstreamRefusal(
  status: number,
  retryAfterHeader: string | undefined,
  body: Buffer,
  nowMs: number,
  upstream: Pick<Upstream, 'conceal'>,
): Refusal {
  if (status === 401 || status === 403) return refuse('upstream_refused_credential');
  if (status < 400 || status > 599) return refuse('upstream_unexpected');
  const said = read(body, (value) => textOf(value, upstream));
  return {
    status,
    type: said.type ?? typeOf(status),
    code: said.code ?? `upstream_${status}`,
    message: (said.message ?? `The model endpoint answered with status ${status}.`).slice(
      0,
      MAX_MESSAGE_CHARACTERS,
    ),
    param: said.param,
    retryAfter:
      status === 429 || status === 503 ? retryAfter(retryAfterHeader, said.retryAfter, nowMs) : null,
  };
}

/**
 * How long an upstream asks not to be called, in milliseconds: by `Retry-After` on 429 and 503, or by `retry_after` in
 * Databricks' body. Null where it asks nothing.
 */
export function askedToWaitMs(
  status: number,
  retryAfterHeader: string | undefined,
  body: Buffer,
  nowMs: number,
): number | null {
  if (status !== 429 && status !== 503) return null;
  const seconds = headerSeconds(retryAfterHeader, nowMs) ?? read(body, () => null).retryAfter;
  return seconds === null || seconds <= 0 ? null : seconds * 1000;
}

interface Said {
  readonly message: string | null;
  readonly type: string | null;
  readonly code: string | null;
  readonly param: string | null;
  readonly retryAfter: number | null;
}

const NOTHING: Said = { message: null, type: null, code: null, param: null, retryAfter: null };

/** @param text what of a member may be told */
function read(body: Buffer, text: (value: unknown) => string | null): Said {
  const parsed = parse(body.toString('utf8'));
  if (!isRecord(parsed)) return NOTHING;
  const error = parsed['error'];
  if (isRecord(error)) {
    return {
      message: text(error['message']),
      type: text(error['type']),
      code: text(error['code']) ?? text(error['limit_type']),
      param: text(error['param']),
      retryAfter: number(error['retry_after']),
    };
  }
  const message = text(parsed['message']) ?? text(error) ?? text(parsed['detail']);
  const code = text(parsed['error_code'])?.toLowerCase() ?? null;
  if (message !== null && isGuardrailBlock(message)) {
    return {
      ...NOTHING,
      type: 'invalid_request_error',
      code: 'upstream_guardrail',
      message: "The model endpoint's own guardrail blocked the request.",
    };
  }
  return { ...NOTHING, message, code };
}

/** Databricks reports a block inside `message`; `flagged` is false on a PII block, so it says nothing. */
function isGuardrailBlock(message: string): boolean {
  if (!message.startsWith('{')) return false;
  const inner = parse(message);
  if (!isRecord(inner)) return false;
  const reason = inner['finishReason'];
  return typeof reason === 'string' && reason.includes('guardrail');
}

function retryAfter(header: string | undefined, fromBody: number | null, nowMs: number): number {
  const seconds = headerSeconds(header, nowMs) ?? fromBody ?? DEFAULT_RETRY_AFTER_SECONDS;
  return Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, Math.ceil(seconds)));
}

/** RFC 9110, 10.2.3: seconds, or a date; clients get seconds alone. */
function headerSeconds(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  if (/^\d+(\.\d+)?$/.test(header)) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : (at - nowMs) / 1000;
}

function typeOf(status: number): string {
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'api_error' : 'invalid_request_error';
}

function textOf(value: unknown, upstream: Pick<Upstream, 'conceal'>): string | null {
  return typeof value === 'string' && value !== '' ? upstream.conceal(value) : null;
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
