import { type AnswerCode, type Refusal, refuse } from '../errors.ts';
import { errorSaid, type Said } from './databricks-error.ts';
import type { Upstream } from './upstream.ts';

/** The longest message of an upstream that is passed on. */
const MAX_MESSAGE_CHARACTERS = 1000;

/** Seconds a caller is asked to wait where a 429 or 503 of the upstream names none. */
const DEFAULT_RETRY_AFTER_SECONDS = 1;

/** The same where the endpoint is being started, which takes minutes rather than seconds. */
const SCALING_RETRY_AFTER_SECONDS = 10;

const MAX_RETRY_AFTER_SECONDS = 3600;

/** How the models in use say that a prompt is longer than they can read. */
const TOO_LONG =
  /context (length|window)|(prompt|input|request) (is )?(too long|too large)|too many (input )?tokens|input length and `?max_tokens`? exceed/i;

/** How endpoints say that they are on their way up. */
const SCALING_UP =
  /scal(ed|ing) (to|from) zero|scaling up|(is )?(being )?start(ed|ing)|not ready|cold start/i;

/**
 * An upstream's error answer in OpenAI's shape, with the status it came with. Codes are those of OpenAI where the upstream
 * speaks its language, and otherwise begin with `upstream_`, so that no error of the gateway's own is taken for one of the
 * model's. What concerns the gateway's own credential, and what a guardrail repeats of the prompt, is never passed on.
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
  if (status < 400 || status > 599) return refuse('upstream_unexpected');
  const said = errorSaid(parse(body.toString('utf8')), (text) => upstream.conceal(text));
  const known = knownRefusal(status, said);
  const refusal = known === null ? { ...passedOn(status, said), status } : refuse(known);
  if (refusal.status !== 429 && refusal.status !== 503) return refusal;
  const otherwise =
    known === 'upstream_scaling_up' ? SCALING_RETRY_AFTER_SECONDS : DEFAULT_RETRY_AFTER_SECONDS;
  const seconds = headerSeconds(retryAfterHeader, nowMs) ?? said.retryAfter ?? otherwise;
  return { ...refusal, retryAfter: Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, Math.ceil(seconds))) };
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
  const said = errorSaid(parse(body.toString('utf8')), (text) => text);
  const seconds = headerSeconds(retryAfterHeader, nowMs) ?? said.retryAfter;
  return seconds === null || seconds <= 0 ? null : seconds * 1000;
}

/** What the gateway says in its own words, because the upstream's are for somebody else or are not safe to repeat. */
function knownRefusal(status: number, { code, message, guardrail }: Said): AnswerCode | null {
  if (guardrail !== null) {
    return guardrail === 'safety' ? 'upstream_guardrail_safety' : 'upstream_guardrail';
  }
  switch (status) {
    case 401:
      return 'upstream_refused_credential';
    case 403:
      return code === 'upstream_permission_denied' ? code : 'upstream_refused_credential';
    case 404:
      return code === null || code.startsWith('upstream_') ? 'upstream_endpoint_not_found' : null;
    case 503:
      return message !== null && SCALING_UP.test(message) ? 'upstream_scaling_up' : null;
    default:
      return null;
  }
}

function passedOn(status: number, said: Said): Refusal {
  const message = (said.message ?? `The model endpoint answered with status ${status}.`).slice(
    0,
    MAX_MESSAGE_CHARACTERS,
  );
  return {
    status,
    type: said.type ?? typeOf(status),
    code: codeOf(status, said),
    message,
    param: said.param,
    retryAfter: null,
  };
}

function codeOf(status: number, { code, message }: Said): string {
  if ((status === 400 || status === 413) && message !== null && TOO_LONG.test(message)) {
    return 'context_length_exceeded';
  }
  // OpenAI's own codes tell a limit that passes from a quota that does not.
  if (status === 429) return code === null || code.startsWith('upstream_') ? 'upstream_rate_limit' : code;
  return code ?? `upstream_${status}`;
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

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
