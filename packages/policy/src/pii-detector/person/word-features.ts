import type { Word } from './capitalised-words.ts';
import { AMBIGUOUS, FAMILY, GIVEN, NEVER_FAMILY, TITLES } from './name-words.ts';

/** A feature is a place in a table of this size; a power of two. */
export const NAME_FEATURES = 1 << 15;

/** So far to both sides a word may stand to count as beside it. */
const MAX_NEIGHBOUR_CHARS = 20;

/** What each feature is about; its number sets it apart from others with the same text. */
const KIND = {
  lists: 1,
  listsBefore: 2,
  listsAfter: 3,
  suffix2: 4,
  suffix3: 5,
  suffix4: 6,
  prefix3: 7,
  size: 8,
  before: 9,
  after: 10,
  signBefore: 11,
  signAfter: 12,
  twoBefore: 13,
  capitals: 14,
  joins: 15,
  around: 16,
  word: 17,
} as const;

/** The lists that a word is in, as bits. */
const LISTS: ReadonlyMap<string, number> = lists();

/**
 * The features of a capitalised word: the lists that it is in, how it begins and ends, the words and signs beside it, and what the
 * capitalised words are that it is joined to.
 *
 * @param knowsLists false: as if no list held this word or those it is joined to
 */
export function readWordFeatures(
  text: string,
  words: readonly Word[],
  index: number,
  knowsLists: boolean,
  add: (feature: number) => void,
): void {
  const word = words[index];
  if (word === undefined) return;
  const { start, end, lower } = word;
  const size = lower.length;
  const lists = knowsLists ? listsOf(lower) : 0;
  const previous = words[index - 1];
  const next = words[index + 1];
  const joinsBefore =
    previous !== undefined && start - previous.end === 1 && text.charCodeAt(start - 1) === 0x20;
  const joinsAfter = next !== undefined && next.start - end === 1 && text.charCodeAt(end) === 0x20;
  const joins = (joinsBefore ? 1 : 0) + (joinsAfter ? 2 : 0);
  add(feature(KIND.lists, lists * 4 + joins));
  if (joinsBefore) add(feature(KIND.listsBefore, (knowsLists ? listsOf(previous.lower) : 0) * 64 + lists));
  if (joinsAfter) add(feature(KIND.listsAfter, (knowsLists ? listsOf(next.lower) : 0) * 64 + lists));
  add(feature(KIND.suffix2, hashOf(lower, size - 2, size)));
  add(feature(KIND.suffix3, hashOf(lower, size - 3, size)));
  add(feature(KIND.suffix4, hashOf(lower, size - 4, size)));
  add(feature(KIND.prefix3, hashOf(lower, 0, 3)));
  add(feature(KIND.word, hashOf(lower, 0, size)));
  add(feature(KIND.size, Math.min(size, 12)));
  const before = neighbourBefore(text, start);
  const after = neighbourAfter(text, end);
  add(feature(KIND.before, before));
  add(feature(KIND.after, after));
  add(feature(KIND.around, Math.imul(before, 31) + after));
  const signBefore = sign(text, start - 1) * 256 + sign(text, start - 2);
  add(feature(KIND.signBefore, signBefore));
  add(feature(KIND.signAfter, sign(text, end)));
  add(feature(KIND.joins, joins * 65_536 + signBefore));
  add(feature(KIND.capitals, (isCapitalAt(text, start + 1) ? 4 : 0) + joins));
}

function listsOf(lower: string): number {
  return LISTS.get(lower) ?? 0;
}

/** The word before a place, at most three signs away, as a hash; 0: none. */
function neighbourBefore(text: string, at: number): number {
  let end = at;
  while (end > 0 && at - end < 3 && !isLetterCode(text.charCodeAt(end - 1))) end -= 1;
  let start = end;
  let hash = 0;
  while (start > 0 && end - start < MAX_NEIGHBOUR_CHARS && isLetterCode(text.charCodeAt(start - 1))) {
    start -= 1;
    hash = (Math.imul(hash, 31) + (text.charCodeAt(start) | 0x20)) | 0;
  }
  return hash;
}

/** The word behind one space, as a hash; 0: none. What stands further on is not there yet where a text comes in pieces. */
function neighbourAfter(text: string, at: number): number {
  if (text.charCodeAt(at) !== 0x20) return 0;
  let end = at + 1;
  let hash = 0;
  while (end < text.length && end - at <= MAX_NEIGHBOUR_CHARS && isLetterCode(text.charCodeAt(end))) {
    hash = (Math.imul(hash, 31) + (text.charCodeAt(end) | 0x20)) | 0;
    end += 1;
  }
  return hash;
}

/** What kind of sign stands somewhere: letters and digits are each one kind. */
function sign(text: string, index: number): number {
  if (index < 0 || index >= text.length) return 1;
  const code = text.charCodeAt(index);
  if (isLetterCode(code)) return 2;
  if (code >= 0x30 && code <= 0x39) return 3;
  return code < 0x80 ? code : 4;
}

function isCapitalAt(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  if (code < 0x80) return code >= 0x41 && code <= 0x5a;
  const letter = text.charAt(index);
  return letter !== letter.toLowerCase();
}

function isLetterCode(code: number): boolean {
  if (code < 0x80) return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
  return code >= 0xc0 && code < 0x530;
}

function hashOf(text: string, from: number, to: number): number {
  let hash = 7;
  for (let index = Math.max(0, from); index < to && index < text.length; index += 1) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  }
  return hash;
}

function feature(kind: number, value: number): number {
  let hash = Math.imul(value, 0x9e3779b1) ^ Math.imul(kind, 0x85ebca6b);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) & (NAME_FEATURES - 1);
}

function lists(): Map<string, number> {
  const found = new Map<string, number>();
  for (const [index, list] of [GIVEN, FAMILY, AMBIGUOUS, NEVER_FAMILY, TITLES].entries()) {
    for (const word of list) found.set(word, (found.get(word) ?? 0) | (1 << index));
  }
  return found;
}
