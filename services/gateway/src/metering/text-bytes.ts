import { isRecord } from './reported-usage.ts';

/** Members whose strings are what a model produced, in the order they are looked for. */
const TEXT_KEYS = [
  Buffer.from('"content":'),
  Buffer.from('"reasoning_content":'),
  Buffer.from('"arguments":'),
  Buffer.from('"text":'),
];

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

const DELTA = Buffer.from('"delta":');

/**
 * Bytes of produced text in a block of events of the Responses API: what its deltas hold. The events that end an item
 * repeat its text, and count nothing.
 */
export function responsesTextBytes(block: Buffer): number {
  return stringBytesAfter(block, DELTA);
}

/**
 * Bytes of produced text in a block of stream events, found by searching rather than parsing: the strings after the
 * first of the known members that holds any. Escapes count as they stand. For estimates only.
 */
export function streamedTextBytes(block: Buffer): number {
  for (const key of TEXT_KEYS) {
    const bytes = stringBytesAfter(block, key);
    if (bytes > 0) return bytes;
  }
  return 0;
}

function stringBytesAfter(block: Buffer, key: Buffer): number {
  let total = 0;
  let at = block.indexOf(key);
  while (at >= 0) {
    let i = at + key.length;
    while (block[i] === SPACE) i += 1;
    if (block[i] === QUOTE) {
      const start = i + 1;
      i = start;
      while (i < block.length && block[i] !== QUOTE) i += block[i] === BACKSLASH ? 2 : 1;
      total += Math.min(i, block.length) - start;
    }
    at = block.indexOf(key, i);
  }
  return total;
}

/**
 * Bytes of produced text in a whole answer of chat completions, completions or responses; none in one of embeddings, or
 * in half an answer, of which nobody can tell. Parses it, so only for answers without usage.
 */
export function answerTextBytes(answer: Buffer): number {
  const parsed = parse(answer);
  if (!isRecord(parsed)) return 0;
  let bytes = 0;
  if (Array.isArray(parsed['output'])) {
    for (const item of parsed['output']) if (isRecord(item)) bytes += itemTextBytes(item);
  }
  if (!Array.isArray(parsed['choices'])) return bytes;
  for (const choice of parsed['choices']) {
    if (!isRecord(choice)) continue;
    if (isRecord(choice['message'])) bytes += messageTextBytes(choice['message']);
    bytes += textBytes(choice['text']);
  }
  return bytes;
}

function parse(json: Buffer): unknown {
  try {
    return JSON.parse(json.toString('utf8'));
  } catch {
    return null;
  }
}

/** Bytes of the text in one message: content as a string or in parts, reasoning, arguments of tool calls. */
export function messageTextBytes(message: Record<string, unknown>): number {
  let bytes = textBytes(message['content']) + textBytes(message['reasoning_content']);
  const calls = message['tool_calls'];
  if (Array.isArray(calls)) {
    for (const call of calls) {
      if (isRecord(call) && isRecord(call['function'])) bytes += textBytes(call['function']['arguments']);
    }
  }
  return bytes;
}

/** Bytes of the text in one item of the Responses API: a message, a tool's call or its output, a reasoning. */
export function itemTextBytes(item: Record<string, unknown>): number {
  return (
    textBytes(item['content']) +
    textBytes(item['arguments']) +
    textBytes(item['output']) +
    textBytes(item['summary'])
  );
}

/** Bytes of a text, or of the texts of a list of parts; images and the like count nothing. */
export function textBytes(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (!Array.isArray(value)) return 0;
  let bytes = 0;
  for (const part of value) {
    if (typeof part === 'string') bytes += Buffer.byteLength(part);
    else if (isRecord(part)) {
      if (typeof part['text'] === 'string') bytes += Buffer.byteLength(part['text']);
      // Reasoning, as Databricks puts it among the parts of content.
      if (Array.isArray(part['summary'])) bytes += textBytes(part['summary']);
    }
  }
  return bytes;
}
