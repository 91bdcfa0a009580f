import type { Quantities } from '@tollgate/events';
import { isRecord, reportedQuantities } from './reported-usage.ts';

/** Upstreams write `usage` last or nearly so; further from the end the whole answer is parsed. */
const TAIL_BYTES = 2048;

const KEY = '"usage"';

/** The form that nearly every answer ends with. */
const PLAIN =
  /^"usage":\{"prompt_tokens":(\d{1,9}),"completion_tokens":(\d{1,9}),"total_tokens":\d{1,10}\}\}$/;

/**
 * The quantities that a whole JSON answer states, or null where it states none. Reads the tail alone wherever that
 * is unambiguous: the last `"usage"` key whose object is a member of the outermost one.
 */
export function answerUsage(answer: Buffer): Quantities | null {
  const tail = answer.toString('latin1', Math.max(0, answer.length - TAIL_BYTES));
  const key = tail.lastIndexOf(KEY);
  const plain = key < 0 ? null : PLAIN.exec(tail.slice(key));
  if (plain !== null) return plainQuantities(Number(plain[1]), Number(plain[2]));
  const quantities = key < 0 ? null : reportedQuantities(tailObject(tail, key));
  if (quantities !== null) return quantities;
  if (!answer.includes(KEY)) return null;
  const parsed = parse(answer.toString('utf8'));
  return isRecord(parsed) ? reportedQuantities(parsed['usage']) : null;
}

function plainQuantities(input: number, output: number): Quantities {
  return {
    input_tokens: input,
    output_tokens: output,
    cached_input_tokens: 0,
    cache_creation_tokens: 0,
    reasoning_tokens: 0,
  };
}

/** The object behind the key at `key`, if it is a member of the outermost object. */
function tailObject(tail: string, key: number): unknown {
  const start = tail.indexOf('{', key);
  if (start < 0 || !/^\s*:\s*$/.test(tail.slice(key + KEY.length, start))) return null;
  const end = closing(tail, start);
  if (end < 0) return null;
  // Only a member of the outermost object is followed by exactly one brace that nothing opened.
  const outer = closing(tail, end);
  if (outer < 0 || tail.slice(outer).trim() !== '') return null;
  return parse(tail.slice(start, end));
}

/** Past the brace that closes what is open at `from`: the object starting there, or the one it lies in. */
function closing(text: string, from: number): number {
  let depth = text.charCodeAt(from) === 0x7b ? 0 : 1;
  for (let i = from; i < text.length; i += 1) {
    const c = text.charCodeAt(i);
    if (c === 0x22) {
      i += 1;
      while (i < text.length && text.charCodeAt(i) !== 0x22) i += text.charCodeAt(i) === 0x5c ? 2 : 1;
    } else if (c === 0x7b || c === 0x5b) depth += 1;
    else if (c === 0x7d || c === 0x5d) {
      depth -= 1;
      if (depth === 0) return i + 1;
    }
  }
  return -1;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
