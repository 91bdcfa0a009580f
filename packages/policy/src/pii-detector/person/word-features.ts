import type { CapitalisedWords } from './capitalised-words.ts';
import { isLetter, isSmall, isUpper, lower } from './letters.ts';
import { MARK } from './name-words.ts';

/** A feature is a place in a table of this size; a power of two. */
export const NAME_FEATURES = 1 << 16;

/** No word has more features. */
export const MOST_FEATURES = 32;

/** Longer words are of this size. */
const MOST_SIZE = 12;
const SUFFIX_LETTERS = 4;
const FIRST_HASH = 7;

/** So far to both sides a word may stand to count as beside it. */
const MAX_NEIGHBOUR_CHARS = 20;
/** So many words back from a word the name may begin that it is in. */
const MAX_RUN_WORDS = 4;

/** What each feature is about; its number sets it apart from others with the same text. */
const KIND = {
  lists: 1,
  listsBefore: 2,
  listsAfter: 3,
  /** And the number of its letters, 2 to 4. */
  suffix: 30,
  prefix3: 7,
  size: 8,
  before: 9,
  after: 10,
  signBefore: 11,
  signAfter: 12,
  beforeLists: 13,
  capitals: 14,
  joins: 15,
  around: 16,
  word: 17,
  twoBefore: 18,
  runBefore: 19,
  afterLists: 20,
  signs: 21,
  prefix4: 22,
  beforeSign: 23,
  shape: 24,
} as const;

/** What the model knows of the lists that a word is in. */
const LISTS = MARK.given | MARK.family | MARK.ambiguous | MARK.neverFamily | MARK.title | MARK.ordinary;
/** What it doesn't know of a name that it is to learn as one of no list. */
const NAME_LISTS = MARK.given | MARK.family | MARK.ambiguous;
const LISTS_END = 64;

/**
 * The features of a capitalised word that do not depend on what stands around it: the lists that it is in, how it begins and ends.
 *
 * @param knowsNames false: as if no list of names held this word
 * @param features where they are written to
 * @returns how many they are
 */
export function readOwnFeatures(
  text: string,
  words: CapitalisedWords,
  index: number,
  knowsNames: boolean,
  features: Int32Array,
): number {
  const start = words.start(index);
  const end = words.end(index);
  const size = Math.min(end - start, MOST_SIZE);
  let hash = FIRST_HASH;
  let prefix3 = 0;
  let prefix4 = 0;
  let shape = 0;
  for (let at = start; at < end; at += 1) {
    const code = text.charCodeAt(at);
    hash = (Math.imul(hash, 31) + lower(code)) | 0;
    if (at === start + 2) prefix3 = hash;
    else if (at === start + 3) prefix4 = hash;
    if (at > start && !isSmall(code)) shape |= shapeOf(code, text.charCodeAt(at - 1));
  }
  let suffix = FIRST_HASH;
  let count = 0;
  for (let letters = 1; letters <= SUFFIX_LETTERS && end - letters >= start; letters += 1) {
    suffix = (Math.imul(suffix, 31) + lower(text.charCodeAt(end - letters))) | 0;
    if (letters > 1) features[count++] = feature(KIND.suffix + letters, suffix);
  }
  features[count++] = feature(KIND.lists, listsOf(words, index, knowsNames));
  features[count++] = feature(KIND.prefix3, prefix3);
  features[count++] = feature(KIND.prefix4, prefix4);
  features[count++] = feature(KIND.word, hash);
  features[count++] = feature(KIND.size, size);
  features[count++] = feature(KIND.shape, shape * (MOST_SIZE + 1) + size);
  ownShape = shape;
  return count;
}

/**
 * The features of what stands around a capitalised word: the words and signs beside it, and what the capitalised words are that it
 * is joined to.
 *
 * @param from how many features there are of the word itself, which were read just before; these are written after them
 * @returns how many they are then
 */
export function readContextFeatures(
  text: string,
  words: CapitalisedWords,
  index: number,
  knowsNames: boolean,
  features: Int32Array,
  from: number,
): number {
  let count = from;
  const start = words.start(index);
  const end = words.end(index);
  const lists = listsOf(words, index, knowsNames);
  const joinsBefore = index > 0 && words.joins(text, index - 1);
  const joinsAfter = words.joins(text, index);
  const joins = (joinsBefore ? 1 : 0) + (joinsAfter ? 2 : 0);
  if (joinsBefore)
    features[count++] = feature(KIND.listsBefore, listsOf(words, index - 1, knowsNames) * LISTS_END + lists);
  if (joinsAfter)
    features[count++] = feature(KIND.listsAfter, listsOf(words, index + 1, knowsNames) * LISTS_END + lists);
  const before = hashBefore(text, start);
  const beforeStart = neighbourStart;
  const after = hashAfter(text, end);
  const signBefore = sign(text, start - 1) * 256 + sign(text, start - 2);
  // What stands further on is not there yet where a text comes in pieces.
  const signAfter = sign(text, end);
  features[count++] = feature(KIND.before, before);
  features[count++] = feature(KIND.beforeLists, Math.imul(before, LISTS_END) + lists);
  features[count++] = feature(KIND.beforeSign, Math.imul(before, 31) + signBefore);
  features[count++] = feature(KIND.twoBefore, Math.imul(before, 31) + hashBefore(text, beforeStart));
  features[count++] = feature(KIND.after, after);
  features[count++] = feature(KIND.afterLists, Math.imul(after, LISTS_END) + lists);
  features[count++] = feature(KIND.around, Math.imul(before, 31) + after);
  features[count++] = feature(KIND.signBefore, signBefore);
  features[count++] = feature(KIND.signAfter, signAfter);
  features[count++] = feature(KIND.signs, Math.imul(signBefore, 256) + signAfter);
  features[count++] = feature(KIND.joins, ((lists * 4 + joins) << 16) + signBefore);
  features[count++] = feature(KIND.capitals, ownShape * 4 + joins);
  if (joinsBefore) {
    let first = index - 1;
    while (first > 0 && index - first < MAX_RUN_WORDS && words.joins(text, first - 1)) first -= 1;
    features[count++] = feature(KIND.runBefore, hashBefore(text, words.start(first)));
  }
  return count;
}

/** What a letter behind the first makes of a word, as a bit: capitals, one after small letters, a sign between letters. */
function shapeOf(code: number, before: number): number {
  if (!isLetter(code)) return 4;
  return isUpper(before) ? 1 : 2;
}

function listsOf(words: CapitalisedWords, index: number, knowsNames: boolean): number {
  const lists = words.marks(index) & LISTS;
  return knowsNames ? lists : lists & ~NAME_LISTS;
}

/** Where the word began that was hashed last. */
let neighbourStart = 0;
/** The shape of the word whose own features were read last. */
let ownShape = 0;

/** The word before a place, at most three signs away, as a hash; 0: none. */
function hashBefore(text: string, at: number): number {
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
  neighbourStart = start;
  return hash;
}

/** The word behind one space, as a hash; 0: none. What stands further on is not there yet where a text comes in pieces. */
function hashAfter(text: string, at: number): number {
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

function feature(kind: number, value: number): number {
  let hash = Math.imul(value, 0x9e3779b1) ^ Math.imul(kind, 0x85ebca6b);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) & (NAME_FEATURES - 1);
}
