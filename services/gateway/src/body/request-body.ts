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
  /** What a bound of the tokens is made from. */
  readonly extent: Extent;
  readonly endUser: string | null;
}

/** What an upper bound of a request's tokens needs besides the body's length (budgets/bounds.ts). */
export interface Extent {
  /** Answers asked for (`n`); null where that can't be read as a number. */
  readonly choices: number | null;
  /** The most output tokens of one answer by any reading of the body; null where the body sets no bound. */
  readonly outputCeiling: number | null;
  /** Whether the body names an output limit, be it null or nonsense. */
  readonly namesOutputLimit: boolean;
  /** Whether the body holds what templates write out at length: tools, functions, a response format. */
  readonly hasTools: boolean;
  /** Parts of the input that are no text. */
  readonly mediaParts: number;
  /** What those hold of the body's length as data. */
  readonly mediaBytes: number;
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
 */
export function factsOf(
  endpoint: Endpoint,
  body: Readonly<Record<string, unknown>>,
): RequestFacts | UnreadableBody {
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
    extent: extentOf(body, input),
    endUser: typeof user === 'string' ? user.slice(0, MAX_END_USER_CHARACTERS) : null,
  };
}

export function isUnreadable(body: RequestFacts | UnreadableBody): body is UnreadableBody {
  return 'refusal' in body;
}

interface Input {
  readonly count: number;
  readonly bytes: number;
  readonly media: Media;
}

interface Media {
  readonly parts: number;
  readonly bytes: number;
}

const NO_MEDIA: Media = { parts: 0, bytes: 0 };

function chatInput(messages: unknown): Input | null {
  if (!Array.isArray(messages)) return null;
  let bytes = 0;
  let media = NO_MEDIA;
  for (const message of messages) {
    if (!isRecord(message)) return null;
    bytes += messageTextBytes(message);
    if (Array.isArray(message['content'])) media = mediaWith(media, message['content']);
  }
  return { count: messages.length, bytes, media };
}

/** A text, a list of texts, one list of token numbers, or a list of those. */
function embeddingInput(input: unknown): Input | null {
  if (typeof input === 'string') return { count: 1, bytes: Buffer.byteLength(input), media: NO_MEDIA };
  if (!Array.isArray(input)) return null;
  if (typeof input[0] === 'number') {
    return { count: 1, bytes: input.length * BYTES_PER_GIVEN_TOKEN, media: NO_MEDIA };
  }
  let bytes = 0;
  for (const item of input) {
    if (typeof item !== 'string' && !Array.isArray(item)) return null;
    bytes += typeof item === 'string' ? textBytes(item) : item.length * BYTES_PER_GIVEN_TOKEN;
  }
  return { count: input.length, bytes, media: NO_MEDIA };
}

/** Where parts of content carry their data, by the part's type. */
const MEDIA_DATA: Readonly<Record<string, string>> = {
  image_url: 'url',
  input_audio: 'data',
  file: 'file_data',
};

/** Adds the parts of `content` that are no text. Data alone is told apart: everything else may be read as text. */
function mediaWith({ parts, bytes }: Media, content: readonly unknown[]): Media {
  for (const part of content) {
    if (!isRecord(part) || part['type'] === 'text') continue;
    parts += 1;
    const type = part['type'];
    const holder = typeof type === 'string' && Object.hasOwn(MEDIA_DATA, type) ? part[type] : null;
    const data = isRecord(holder) ? holder[MEDIA_DATA[String(type)] ?? ''] : null;
    if (typeof data === 'string' && (type === 'input_audio' || data.startsWith('data:')))
      bytes += data.length;
  }
  return { parts, bytes };
}

const ONE_PLAIN_ANSWER = { choices: 1, hasTools: false, mediaParts: 0, mediaBytes: 0 } as const;
const UNBOUNDED: Extent = { ...ONE_PLAIN_ANSWER, outputCeiling: null, namesOutputLimit: false };

function extentOf(body: Readonly<Record<string, unknown>>, { media }: Input): Extent {
  const first = body['max_completion_tokens'];
  const second = body['max_tokens'];
  const n = body['n'];
  const hasTools =
    body['tools'] !== undefined || body['functions'] !== undefined || body['response_format'] !== undefined;
  const namesOutputLimit = first !== undefined || second !== undefined;
  if (!namesOutputLimit && !hasTools && media.parts === 0 && n === undefined) return UNBOUNDED;
  return {
    choices: n === undefined || n === null ? 1 : tokenLimit(n),
    outputCeiling: ceilingOf(first, second),
    namesOutputLimit,
    hasTools,
    mediaParts: media.parts,
    mediaBytes: media.bytes,
  };
}

/** The greater of two limits; null where there is none, or one that an upstream may read differently. */
function ceilingOf(first: unknown, second: unknown): number | null {
  const most = Math.max(limitRead(first), limitRead(second));
  return most >= 0 ? most : null;
}

/** -1: none given; NaN: one that can't be read. */
function limitRead(value: unknown): number {
  return value === undefined || value === null ? -1 : (tokenLimit(value) ?? Number.NaN);
}

function tokenLimit(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function invalid(param: string): Refusal {
  return refuse('invalid_body', { param });
}
