import { type Refusal, refuse } from '../errors.ts';
import { isRecord } from '../metering/reported-usage.ts';
import { messageTextBytes, textBytes } from '../metering/text-bytes.ts';

/** The longest model name that is looked up; events hold no longer one. */
export const MAX_MODEL_CHARACTERS = 256;

const MAX_END_USER_CHARACTERS = 256;

/** Bytes of text that one token given by number stands for in an estimate. */
const BYTES_PER_GIVEN_TOKEN = 4;

export type Endpoint = 'chat.completions' | 'embeddings';

/** What the gateway needs to know of a body; the body itself travels on as the bytes that came. */
export interface RequestFacts {
  readonly model: string;
  readonly stream: boolean;
  /** Whether the caller asked for the usage event of a stream. */
  readonly wantsUsage: boolean;
  /** The caller's own `stream_options`; undefined where the body has no such member. */
  readonly streamOptions: Readonly<Record<string, unknown>> | null | undefined;
  /** Whether the body holds members that only the gateway may set. */
  readonly hasReservedMembers: boolean;
  readonly inputCount: number;
  readonly inputTextBytes: number;
  readonly maxOutputTokens: number | null;
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
 * Reads a body with one `JSON.parse`. Checks no more than the gateway relies on: everything else is between the
 * caller and the upstream. Where a member occurs twice the last one counts, as in every common JSON reader.
 */
export function readRequestBody(endpoint: Endpoint, raw: Buffer): RequestFacts | UnreadableBody {
  let body: unknown;
  try {
    body = JSON.parse(raw.toString('utf8'));
  } catch {
    return { refusal: refuse('invalid_json'), model: null };
  }
  if (!isRecord(body)) return { refusal: refuse('invalid_json'), model: null };
  const model = body['model'];
  if (typeof model !== 'string' || model === '') return { refusal: invalid('model'), model: null };
  if (model.length > MAX_MODEL_CHARACTERS) return { refusal: refuse('model_not_found'), model: null };
  const stream = body['stream'] ?? false;
  if (typeof stream !== 'boolean') return { refusal: invalid('stream'), model };
  const options = body['stream_options'];
  if (options !== undefined && options !== null && !isRecord(options))
    return { refusal: invalid('stream_options'), model };
  const input = endpoint === 'embeddings' ? embeddingInput(body['input']) : chatInput(body['messages']);
  if (input === null) return { refusal: invalid(endpoint === 'embeddings' ? 'input' : 'messages'), model };
  const user = body['user'];
  return {
    model,
    stream: stream && endpoint !== 'embeddings',
    wantsUsage: options?.['include_usage'] === true,
    streamOptions: options,
    hasReservedMembers: 'client_request_id' in body || 'usage_context' in body,
    inputCount: input.count,
    inputTextBytes: input.bytes,
    maxOutputTokens: tokenLimit(body['max_completion_tokens']) ?? tokenLimit(body['max_tokens']),
    endUser: typeof user === 'string' ? user.slice(0, MAX_END_USER_CHARACTERS) : null,
  };
}

export function isUnreadable(body: RequestFacts | UnreadableBody): body is UnreadableBody {
  return 'refusal' in body;
}

interface Input {
  readonly count: number;
  readonly bytes: number;
}

function chatInput(messages: unknown): Input | null {
  if (!Array.isArray(messages)) return null;
  let bytes = 0;
  for (const message of messages) {
    if (!isRecord(message)) return null;
    bytes += messageTextBytes(message);
  }
  return { count: messages.length, bytes };
}

/** A text, a list of texts, one list of token numbers, or a list of those. */
function embeddingInput(input: unknown): Input | null {
  if (typeof input === 'string') return { count: 1, bytes: Buffer.byteLength(input) };
  if (!Array.isArray(input)) return null;
  if (typeof input[0] === 'number') return { count: 1, bytes: input.length * BYTES_PER_GIVEN_TOKEN };
  let bytes = 0;
  for (const item of input) {
    if (typeof item !== 'string' && !Array.isArray(item)) return null;
    bytes += typeof item === 'string' ? textBytes(item) : item.length * BYTES_PER_GIVEN_TOKEN;
  }
  return { count: input.length, bytes };
}

function tokenLimit(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function invalid(param: string): Refusal {
  return refuse('invalid_body', { param });
}
