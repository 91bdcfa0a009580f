import { badRequest, malformedRequest, RefusedRequest } from './error-answers.ts';
import { isObject, type JsonObject } from './json-object.ts';
import { type Saying, sayingOf } from './saying/saying.ts';
import { countWords } from './words.ts';

export type ServingTask = 'chat' | 'completions' | 'embeddings' | 'responses' | 'custom';

/** A request as far as the simulator understands it. */
export interface ServingRequest {
  readonly task: ServingTask;
  /** The serving endpoint asked for: `model` of the body, or the name in an invocation's path. */
  readonly endpoint: string;
  /** Words of the texts that count, see {@link inputTokensOf}. */
  readonly inputTokens: number;
  /** `max_tokens`, else `max_completion_tokens`; `max_output_tokens` of responses; `null` where the client named neither. */
  readonly maxTokens: number | null;
  readonly stream: boolean;
  /** `stream_options.include_usage`. */
  readonly includeUsage: boolean;
  /** One number per embedded text, from which its vector follows; empty for other tasks. */
  readonly embeddingSeeds: readonly number[];
  /** What has to be said; `null`: any words. */
  readonly said: Saying | null;
  /** Rows to predict for, of a custom model. */
  readonly rows: number;
  readonly base64: boolean;
  readonly dimensions: number | null;
  readonly clientRequestId: string | null;
  readonly usageContext: JsonObject | null;
  /** The body's `simulated` member: what the `x-simulated-…` headers say, for clients that can't send headers. */
  readonly directives: JsonObject | null;
}

/** More output than this is refused; it bounds the generated text to about 5 MB. */
const MAX_OUTPUT_TOKENS = 1_000_000;
const MAX_EMBEDDED_TEXTS = 2_048;

/** The object that a body's bytes hold. Throws `RefusedRequest`. */
export function parseBody(bytes: Buffer): JsonObject {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (isObject(value)) return value;
  } catch {
    // Answered below like any other body that is not an object.
  }
  throw new RefusedRequest(malformedRequest);
}

/** The task that a body asks for by what it holds, for invocations, whose path does not tell. */
export function taskOf(body: JsonObject): ServingTask {
  if (body['messages'] !== undefined) return 'chat';
  const input = body['input'];
  if (input !== undefined) return Array.isArray(input) && isObject(input[0]) ? 'responses' : 'embeddings';
  if (body['prompt'] !== undefined) return 'completions';
  if (rowsOf(body) !== null) return 'custom';
  throw new RefusedRequest(badRequest('Give messages, input, prompt or rows.'));
}

/** Reads what the simulator acts on; other members are let through. Throws `RefusedRequest`. */
export function readRequest(
  task: ServingTask,
  body: JsonObject,
  endpointInPath: string | null,
): ServingRequest {
  const endpoint = endpointInPath ?? body['model'];
  if (typeof endpoint !== 'string' || endpoint === '')
    throw new RefusedRequest(badRequest('model: give an endpoint.'));
  if (body['n'] !== undefined && body['n'] !== null && body['n'] !== 1) {
    throw new RefusedRequest(badRequest('n: only one choice is generated.'));
  }
  const streamOptions = body['stream_options'];
  const seeds = task === 'embeddings' ? embeddingSeeds(body['input']) : [];
  return {
    task,
    endpoint,
    inputTokens: inputTokensOf(task, body),
    maxTokens: maxTokensOf(task, body),
    stream: task !== 'embeddings' && task !== 'custom' && body['stream'] === true,
    includeUsage: isObject(streamOptions) && streamOptions['include_usage'] === true,
    embeddingSeeds: seeds,
    said: task === 'chat' || task === 'responses' ? sayingOf(task, body) : null,
    rows: task === 'custom' ? (rowsOf(body) ?? 0) : 0,
    base64: body['encoding_format'] === 'base64',
    dimensions: count(body, 'dimensions', Number.MAX_SAFE_INTEGER),
    clientRequestId: typeof body['client_request_id'] === 'string' ? body['client_request_id'] : null,
    usageContext: isObject(body['usage_context']) ? body['usage_context'] : null,
    directives: isObject(body['simulated']) ? body['simulated'] : null,
  };
}

/**
 * Input tokens. Chat: the words of every message's `content`, be it a string or parts, of which the `text` of each
 * part that has one counts. Completions and embeddings: the words of the string or of all strings; a token number
 * counts one. Responses: like chat, with `instructions` and the outputs of tools. Nothing else counts: no names, roles, tool definitions, tool calls or images. Each text is counted by
 * itself, so two texts never join into one word.
 */
export function inputTokensOf(task: ServingTask, body: JsonObject): number {
  if (task === 'chat') return messagesTokens(body['messages']);
  if (task === 'custom') return 0;
  if (task === 'responses') return responsesTokens(body);
  const member = task === 'embeddings' ? 'input' : 'prompt';
  return textsTokens(body[member], member);
}

function messagesTokens(messages: unknown): number {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new RefusedRequest(badRequest('messages: give at least one message.'));
  }
  let tokens = 0;
  for (const message of messages) {
    if (!isObject(message)) throw new RefusedRequest(badRequest('messages: each message is an object.'));
    const content = message['content'];
    if (typeof content === 'string') tokens += countWords(content);
    else if (Array.isArray(content)) {
      for (const part of content) {
        if (isObject(part) && typeof part['text'] === 'string') tokens += countWords(part['text']);
      }
    }
  }
  return tokens;
}

/** As in a chat; instructions are what a system message is there, and the output of a tool what its message is. */
function responsesTokens(body: JsonObject): number {
  const { input, instructions } = body;
  const instructed = typeof instructions === 'string' ? countWords(instructions) : 0;
  if (typeof input === 'string') return instructed + countWords(input);
  if (!Array.isArray(input) || input.length === 0) {
    throw new RefusedRequest(badRequest('input: give a text or at least one item.'));
  }
  const items = input.map((item) =>
    isObject(item) ? { ...item, content: item['content'] ?? item['output'] } : item,
  );
  return instructed + messagesTokens(items);
}

/** How many rows a body of MLflow's scoring protocol holds; `null` where it holds none. */
function rowsOf(body: JsonObject): number | null {
  const split = body['dataframe_split'];
  const given = isObject(split)
    ? split['data']
    : (body['dataframe_records'] ?? body['instances'] ?? body['inputs']);
  if (given === undefined) return null;
  return Array.isArray(given) ? given.length : 1;
}

function maxTokensOf(task: ServingTask, body: JsonObject): number | null {
  if (task === 'responses') return count(body, 'max_output_tokens', MAX_OUTPUT_TOKENS);
  return (
    count(body, 'max_tokens', MAX_OUTPUT_TOKENS) ?? count(body, 'max_completion_tokens', MAX_OUTPUT_TOKENS)
  );
}

function textsTokens(texts: unknown, member: string): number {
  if (typeof texts === 'string') return countWords(texts);
  if (!Array.isArray(texts) || texts.length === 0) {
    throw new RefusedRequest(badRequest(`${member}: give a text or a list of texts.`));
  }
  let tokens = 0;
  for (const text of texts) {
    if (typeof text === 'number') tokens += 1;
    else tokens += textsTokens(text, member);
  }
  return tokens;
}

function embeddingSeeds(input: unknown): readonly number[] {
  // A list of numbers is one text given as tokens.
  const texts = Array.isArray(input) && typeof input[0] !== 'number' ? input : [input];
  if (texts.length > MAX_EMBEDDED_TEXTS) {
    throw new RefusedRequest(badRequest(`input: at most ${MAX_EMBEDDED_TEXTS} texts.`));
  }
  return texts.map((text) => hash(typeof text === 'string' ? text : JSON.stringify(text ?? null)));
}

/** FNV-1a, so that equal texts have equal vectors. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}

function count(body: JsonObject, member: string, most: number): number | null {
  const value = body[member];
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= most) return value;
  throw new RefusedRequest(badRequest(`${member}: give a whole number from 0 to ${most}.`));
}
