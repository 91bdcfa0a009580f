import { type Refusal, refuse } from '../errors.ts';
import { isRecord } from '../metering/reported-usage.ts';
import { type Extent, extentOf, tokenLimit } from './extent.ts';
import { INPUT_MEMBERS, inputOf } from './input.ts';
import { type Endpoint, generates, type Protocol, protocolOf, streamsUsageOnRequest } from './protocol.ts';

/** The longest model name that is looked up; events hold no longer one. */
export const MAX_MODEL_CHARACTERS = 256;

const MAX_END_USER_CHARACTERS = 256;

/** What the gateway needs to know of a body; the body itself travels on as the bytes that came. */
export interface RequestFacts {
  readonly protocol: Protocol;
  readonly model: string;
  /** Whether the path names the model; what the body calls so does not count then, and does not travel on. */
  readonly modelInPath: boolean;
  readonly stream: boolean;
  /** Whether the caller gets what a stream says about usage, because it asked for it or its protocol says so. */
  readonly wantsUsage: boolean;
  /** The caller's own `stream_options`; undefined where the body has no such member. */
  readonly streamOptions: Readonly<Record<string, unknown>> | null | undefined;
  /** Whether the body holds members that only the gateway may set. */
  readonly hasReservedMembers: boolean;
  readonly inputCount: number;
  readonly inputTextBytes: number;
  readonly maxOutputTokens: number | null;
  /** What a bound of the tokens is made from. */
  readonly extent: Extent;
  readonly endUser: string | null;
}

/** Members that tell an upstream whom a call belongs to: the gateway's to write, never the caller's. */
export const RESERVED_MEMBERS: ReadonlySet<string> = new Set(['client_request_id', 'usage_context']);

/** A body that can't be served: why, and what could be read of it for the record. */
export interface UnreadableBody {
  readonly refusal: Refusal;
  readonly model: string | null;
}

/**
 * Parses a body; null where it is no JSON object. Where a member occurs twice the last one counts, as in every common
 * JSON reader.
 */
export function parsedBody(raw: Buffer): Record<string, unknown> | null {
  try {
    const body: unknown = JSON.parse(raw.toString('utf8'));
    return isRecord(body) ? body : null;
  } catch {
    return null;
  }
}

/**
 * Reads what the gateway needs of a parsed body. Checks no more than it relies on: everything else is between the
 * caller and the upstream.
 *
 * @param modelInPath the model that the path names; null: the body names it
 */
export function factsOf(
  endpoint: Endpoint,
  body: Readonly<Record<string, unknown>>,
  modelInPath: string | null = null,
): RequestFacts | UnreadableBody {
  const model = modelInPath ?? body['model'];
  if (typeof model !== 'string' || model === '') return { refusal: invalid('model'), model: null };
  if (model.length > MAX_MODEL_CHARACTERS) return { refusal: refuse('model_not_found'), model: null };
  const protocol = protocolOf(endpoint, body);
  if (protocol === null) return { refusal: refuse('unknown_invocation'), model };
  const stream = body['stream'] ?? false;
  if (typeof stream !== 'boolean') return { refusal: invalid('stream'), model };
  const asksUsage = streamsUsageOnRequest(protocol);
  const options = asksUsage ? body['stream_options'] : undefined;
  if (options !== undefined && options !== null && !isRecord(options))
    return { refusal: invalid('stream_options'), model };
  const input = inputOf(protocol, body);
  if (input === null) return { refusal: invalid(INPUT_MEMBERS[protocol]), model };
  if (protocol === 'responses' && body['background'] === true)
    return { refusal: refuse('background_not_served', { param: 'background' }), model };
  return {
    protocol,
    model,
    modelInPath: modelInPath !== null,
    stream: stream && generates(protocol),
    wantsUsage: !asksUsage || options?.['include_usage'] === true,
    streamOptions: options,
    hasReservedMembers:
      'client_request_id' in body || 'usage_context' in body || (modelInPath !== null && 'model' in body),
    inputCount: input.count,
    inputTextBytes: input.bytes,
    maxOutputTokens:
      protocol === 'responses'
        ? tokenLimit(body['max_output_tokens'])
        : (tokenLimit(body['max_completion_tokens']) ?? tokenLimit(body['max_tokens'])),
    extent: extentOf(protocol, body, input),
    endUser: endUserOf(body['user']) ?? endUserOf(body['safety_identifier']),
  };
}

export function isUnreadable(body: RequestFacts | UnreadableBody): body is UnreadableBody {
  return 'refusal' in body;
}

function endUserOf(user: unknown): string | null {
  return typeof user === 'string' ? user.slice(0, MAX_END_USER_CHARACTERS) : null;
}

function invalid(param: string): Refusal {
  return refuse('invalid_body', { param });
}
