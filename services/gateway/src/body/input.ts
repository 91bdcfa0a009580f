import { isRecord } from '../metering/reported-usage.ts';
import { itemTextBytes, messageTextBytes, textBytes } from '../metering/text-bytes.ts';
import { type Protocol, ROW_MEMBERS } from './protocol.ts';

/** What a body gives a model to read. */
export interface Input {
  /** Messages, texts, items or rows. */
  readonly count: number;
  /** Bytes of text. */
  readonly bytes: number;
  readonly media: Media;
  /** Whether it names input that the upstream holds itself, of a size that nobody can tell here. */
  readonly hidden: boolean;
}

/** The parts of an input that are no text. */
export interface Media {
  readonly parts: number;
  /** What they hold of the body's length as data. */
  readonly bytes: number;
}

/** Bytes of text that one token given by number stands for in an estimate. */
const BYTES_PER_GIVEN_TOKEN = 4;

const NO_MEDIA: Media = { parts: 0, bytes: 0 };

type Body = Readonly<Record<string, unknown>>;

/** The member that {@link inputOf} reads, by protocol. */
export const INPUT_MEMBERS: Readonly<Record<Protocol, string>> = {
  chat: 'messages',
  completions: 'prompt',
  embeddings: 'input',
  responses: 'input',
  custom: 'dataframe_split',
};

/** Null where the member that should hold the input is missing or of the wrong type. */
export function inputOf(protocol: Protocol, body: Body): Input | null {
  switch (protocol) {
    case 'chat':
      return chatInput(body['messages']);
    case 'completions':
      return completionInput(body);
    case 'embeddings':
      return givenTexts(body['input']);
    case 'responses':
      return responsesInput(body);
    case 'custom':
      return rows(body);
  }
}

function chatInput(messages: unknown): Input | null {
  if (!Array.isArray(messages)) return null;
  let bytes = 0;
  let media = NO_MEDIA;
  for (const message of messages) {
    if (!isRecord(message)) return null;
    bytes += messageTextBytes(message);
    if (Array.isArray(message['content'])) media = mediaWith(media, message['content']);
  }
  return { count: messages.length, bytes, media, hidden: false };
}

function completionInput(body: Body): Input | null {
  const prompts = givenTexts(body['prompt']);
  const suffix = body['suffix'];
  return prompts === null || suffix === undefined
    ? prompts
    : { ...prompts, bytes: prompts.bytes + textBytes(suffix) };
}

/** A text, a list of texts, one list of token numbers, or a list of those. */
function givenTexts(input: unknown): Input | null {
  if (typeof input === 'string') return plain(1, Buffer.byteLength(input));
  if (!Array.isArray(input)) return null;
  if (typeof input[0] === 'number') return plain(1, input.length * BYTES_PER_GIVEN_TOKEN);
  let bytes = 0;
  for (const item of input) {
    if (typeof item !== 'string' && !Array.isArray(item)) return null;
    bytes += typeof item === 'string' ? Buffer.byteLength(item) : item.length * BYTES_PER_GIVEN_TOKEN;
  }
  return plain(input.length, bytes);
}

/** Members of a Responses body that name input kept by the upstream. */
const KEPT_INPUT = ['previous_response_id', 'conversation', 'prompt'] as const;

/** A text, or a list of messages, calls of tools and their outputs, reasoning and references. */
function responsesInput(body: Body): Input | null {
  const input = body['input'] ?? [];
  const hidden = KEPT_INPUT.some((name) => (body[name] ?? null) !== null);
  const instructions = textBytes(body['instructions']);
  if (typeof input === 'string') {
    return { count: 1, bytes: instructions + Buffer.byteLength(input), media: NO_MEDIA, hidden };
  }
  if (!Array.isArray(input) || (body['input'] === undefined && !hidden)) return null;
  let bytes = instructions;
  let media = NO_MEDIA;
  let references = false;
  for (const item of input) {
    if (!isRecord(item)) return null;
    references ||= item['type'] === 'item_reference';
    bytes += itemTextBytes(item);
    for (const content of [item['content'], item['output']]) {
      if (Array.isArray(content)) media = mediaWith(media, content);
    }
  }
  return { count: input.length, bytes, media, hidden: hidden || references };
}

/** Rows hold features rather than texts; what texts they hold policies see, and nobody counts tokens of. */
function rows(body: Body): Input | null {
  const [name] = ROW_MEMBERS.filter((member) => body[member] !== undefined);
  if (name === undefined) return null;
  const given = body[name];
  const list = name === 'dataframe_split' && isRecord(given) ? given['data'] : given;
  return plain(Array.isArray(list) ? list.length : 1, 0);
}

function plain(count: number, bytes: number): Input {
  return { count, bytes, media: NO_MEDIA, hidden: false };
}

/** Where parts of content carry their data, by the part's type: in an object of that name, or in the part itself. */
const MEDIA_DATA: ReadonlyMap<unknown, string> = new Map([
  ['image_url', 'url'],
  ['input_audio', 'data'],
  ['file', 'file_data'],
  ['input_image', 'image_url'],
  ['input_file', 'file_data'],
]);

/** Types of parts that are text. */
const TEXT_PARTS: ReadonlySet<unknown> = new Set(['text', 'input_text', 'output_text']);

/** Adds the parts of `content` that are no text. Data alone is told apart: everything else may be read as text. */
function mediaWith({ parts, bytes }: Media, content: readonly unknown[]): Media {
  for (const part of content) {
    if (!isRecord(part) || TEXT_PARTS.has(part['type'])) continue;
    parts += 1;
    const type = part['type'];
    const member = MEDIA_DATA.get(type);
    if (typeof type !== 'string' || member === undefined) continue;
    const holder = type === 'input_image' || type === 'input_file' ? part : part[type];
    const data = isRecord(holder) ? holder[member] : null;
    if (typeof data === 'string' && (type === 'input_audio' || data.startsWith('data:')))
      bytes += data.length;
  }
  return { parts, bytes };
}
