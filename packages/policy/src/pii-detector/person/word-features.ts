import type { CapitalisedWords } from './capitalised-words.ts';
import { isLetter, isUpper, lower } from './letters.ts';
import { MARK } from './name-words.ts';

/** A feature is a place in a table of this size; a power of two. */
export const NAME_FEATURES = 1 << 15;

/** No word has more features. */
export const MOST_FEATURES = 20;

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
  capitals: 14,
  joins: 15,
  around: 16,
  word: 17,
} as const;

/** What the model knows of the lists that a word is in. */
const LISTS = MARK.given | MARK.family | MARK.ambiguous | MARK.neverFamily | MARK.title;

/**
 * The features of a capitalised word: the lists that it is in, how it begins and ends, the words and signs beside it, and what the
 * capitalised words are that it is joined to.
 *
 * @param knowsLists false: as if no list held this word or those it is joined to
 * @param features where they are written to
 * @returns how many they are
 */
export function readWordFeatures(
  text: string,
  words: CapitalisedWords,
  index: number,
  knowsLists: boolean,
  features: Int32Array,
): number {
  const start = words.start(index);
  const end = words.end(index);
  const size = end - start;
  const known = knowsLists ? LISTS : 0;
  const lists = words.marks(index) & known;
  const joinsBefore = index > 0 && start - words.end(index - 1) === 1 && text.charCodeAt(start - 1) === 0x20;
  const joinsAfter =
    index + 1 < words.count && words.start(index + 1) - end === 1 && text.charCodeAt(end) === 0x20;
  const joins = (joinsBefore ? 1 : 0) + (joinsAfter ? 2 : 0);
  let count = 0;
  features[count++] = feature(KIND.lists, lists * 4 + joins);
  if (joinsBefore)
    features[count++] = feature(KIND.listsBefore, (words.marks(index - 1) & known) * 64 + lists);
  if (joinsAfter) features[count++] = feature(KIND.listsAfter, (words.marks(index + 1) & known) * 64 + lists);
  features[count++] = feature(KIND.suffix2, hashOf(text, Math.max(start, end - 2), end));
  features[count++] = feature(KIND.suffix3, hashOf(text, Math.max(start, end - 3), end));
  features[count++] = feature(KIND.suffix4, hashOf(text, Math.max(start, end - 4), end));
  features[count++] = feature(KIND.prefix3, hashOf(text, start, Math.min(end, start + 3)));
  features[count++] = feature(KIND.word, hashOf(text, start, end));
  features[count++] = feature(KIND.size, Math.min(size, 12));
  const before = neighbourBefore(text, start);
  const after = neighbourAfter(text, end);
  features[count++] = feature(KIND.before, before);
  features[count++] = feature(KIND.after, after);
  features[count++] = feature(KIND.around, Math.imul(before, 31) + after);
  const signBefore = sign(text, start - 1) * 256 + sign(text, start - 2);
  features[count++] = feature(KIND.signBefore, signBefore);
  features[count++] = feature(KIND.signAfter, sign(text, end));
  features[count++] = feature(KIND.joins, joins * 65_536 + signBefore);
  features[count++] = feature(KIND.capitals, (isUpper(text.charCodeAt(start + 1)) ? 4 : 0) + joins);
  return count;
}

/** The word before a place, at most three signs away, as a hash; 0: none. */
function neighbourBefore(text: string, at: number): number {
  let end = at;
  while (end > 0 && at - end < 3 && !isLetter(text.charCodeAt(end - 1))) end -= 1;
  let start = end;
  let hash = 0;
  while (start > 0 && end - start < MAX_NEIGHBOUR_CHARS) {
    const code = text.charCodeAt(start - 1);
    if (!isLetter(code)) break;
    start -= 1;
    hash = (Math.imul(hash, 31) + (code | 0x20)) | 0;
  }
  return hash;
}

/** The word behind one space, as a hash; 0: none. What stands further on is not there yet where a text comes in pieces. */
function neighbourAfter(text: string, at: number): number {
  if (text.charCodeAt(at) !== 0x20) return 0;
  const { length } = text;
  let end = at + 1;
  let hash = 0;
  while (end < length && end - at <= MAX_NEIGHBOUR_CHARS) {
    const code = text.charCodeAt(end);
    if (!isLetter(code)) break;
    hash = (Math.imul(hash, 31) + (code | 0x20)) | 0;
    end += 1;
  }
  return hash;
}

/** 1: there is none; 2: a letter; 3: a digit; 4: another sign beyond ASCII. */
function sign(text: string, index: number): number {
  if (index < 0 || index >= text.length) return 1;
  const code = text.charCodeAt(index);
  if (isLetter(code)) return 2;
  if (code >= 0x30 && code <= 0x39) return 3;
  return code < 0x80 ? code : 4;
}

function hashOf(text: string, from: number, to: number): number {
  let hash = 7;
  for (let index = from; index < to; index += 1) {
    hash = (Math.imul(hash, 31) + lower(text.charCodeAt(index))) | 0;
  }
  return hash;
}

function feature(kind: number, value: number): number {
  let hash = Math.imul(value, 0x9e3779b1) ^ Math.imul(kind, 0x85ebca6b);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) & (NAME_FEATURES - 1);
}
