import type { Quantities } from '@tollgate/events';
import { isRecord, reportedQuantities } from './reported-usage.ts';

/** Upstreams write `usage` last or nearly so; further from the end the whole answer is parsed. */
const TAIL_BYTES = 2048;

const KEY = '"usage"';

/**
 * The quantities that a whole JSON answer states, or null where it states none. Reads the tail alone wherever that
 * is unambiguous: the last `"usage"` key whose object is a member of the outermost one.
 */
export function answerUsage(answer: Buffer): Quantities | null {
  const tail = answer.toString('latin1', Math.max(0, answer.length - TAIL_BYTES));
  const object = tailObject(tail);
  if (object !== null) {
    const quantities = reportedQuantities(object);
    if (quantities !== null) return quantities;
  }
  if (!answer.includes(KEY)) return null;
  const parsed = parse(answer.toString('utf8'));
  return isRecord(parsed) ? reportedQuantities(parsed['usage']) : null;
}

function tailObject(tail: string): unknown {
  const key = tail.lastIndexOf(KEY);
  if (key < 0) return null;
  const start = tail.indexOf('{', key);
  if (start < 0 || !/^\s*:\s*$/.test(tail.slice(key + KEY.length, start))) return null;
  const end = closing(tail, start);
  // Only a member of the outermost object is followed by exactly one brace that nothing opened.
  if (end < 0 || closing(tail, end) < 0 || tail.slice(closing(tail, end)).trim() !== '') return null;
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
