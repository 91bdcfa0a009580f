import { CONCEPTS, type Concept } from './concepts.ts';

/** A set of concepts, as the bits of two numbers. */
export interface ConceptSet {
  readonly low: number;
  readonly high: number;
}

/** A word that means something here. */
export interface Hit extends ConceptSet {
  /** How many words stand before it. */
  readonly position: number;
  /** How many ends of sentences stand before it. */
  readonly sentence: number;
}

/** What one reading of a text found. */
export interface Reading {
  readonly hits: readonly Hit[];
  /**
   * Three numbers for each word: which marks stand before it, what it hashes to, and what its beginning hashes to; then which
   * marks stand after the last. There may be room for more words.
   */
  readonly hashes: Int32Array;
  /** How many words there are; signs of Chinese and Japanese are words by themselves. */
  readonly words: number;
  /** Letters beyond ASCII, among which others may hide. */
  readonly isForeign: boolean;
  /** Letters apart, such as `i g n o r e`. */
  readonly isSpaced: boolean;
  /** Something without a space that is long enough to be an encoding. */
  readonly hasLongRun: boolean;
}

const MAX_WORD_CHARS = 24;
/** The forms of a word often share so many letters. */
const BEGINNING_CHARS = 5;
const MIN_SPACED_LETTERS = 6;
const MIN_RUN_CHARS = 20;
const SLOTS = 8_192;
const BITS = 31;

/** How many numbers are written down of a word. */
export const STRIDE = 3;
/** Before the first word. */
const AT_START = 1;

const SPACE = 0;
const LETTER = 1;
const END = 2;
const JOINT = 3;
/** Digits and signs that can stand for letters. */
const MASK = 4;
const OTHER = 5;

/** What digits and signs stand for inside words. */
const MASKED: ReadonlyMap<string, string> = new Map(
  Object.entries({ 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't', '@': 'a', $: 's', '!': 'i', '|': 'l' }),
);

const CLASSES = classes();
/** Marks that tell kinds of text apart, a bit for each kind. */
const MARKS = marksOfText();

interface Entry extends ConceptSet {
  readonly word: string;
}

const NAMES = Object.keys(CONCEPTS);
const ENTRIES: ReadonlyMap<string, Entry> = entries();
/** Words by their hash, so that nothing is copied but words that are there. */
const TABLE: readonly (readonly Entry[] | undefined)[] = table();

/** A set of one. */
export function conceptSet(concept: Concept): ConceptSet {
  const index = NAMES.indexOf(concept);
  return index < BITS ? { low: 1 << index, high: 0 } : { low: 0, high: 1 << (index - BITS) };
}

/** All concepts, in the order of their bits. */
export const CONCEPT_NAMES: readonly Concept[] = NAMES.filter((name): name is Concept =>
  Object.hasOwn(CONCEPTS, name),
);

/**
 * Finds the words of all concepts in a text in small letters, in one reading: each letter is looked at once, and only words
 * whose hash is known are compared.
 */
export function readText(text: string): Reading {
  const hits: Hit[] = [];
  const { length } = text;
  let hashes: Int32Array = new Int32Array(length + 2 * STRIDE);
  let marks = AT_START;
  let position = 0;
  let sentence = 0;
  let singles = 0;
  let isForeign = false;
  let isSpaced = false;
  let hasLongRun = false;
  let lastSpace = -1;
  let index = 0;
  while (index < length) {
    let code = text.charCodeAt(index);
    let kind = code < 0x80 ? CLASSES[code] : foreignClass(code);
    if (kind !== LETTER) {
      if (kind === SPACE) {
        if (index - lastSpace > MIN_RUN_CHARS) hasLongRun = true;
        lastSpace = index;
      } else if (kind === END) sentence += 1;
      else if (kind === MASK && isMasked(text, index, index)) {
        const end = endOfMasked(text, index);
        if (STRIDE * (position + 2) > hashes.length) hashes = withRoom(hashes);
        hashes[STRIDE * position] = marks;
        readMasked(text, index, end, position, sentence, hits, hashes);
        index = end;
        position += 1;
        marks = 0;
        continue;
      }
      if (code === 0x0a) sentence += 1;
      if (code >= 0x80) {
        isForeign = true;
        if (isSign(code)) {
          if (STRIDE * (position + 2) > hashes.length) hashes = withRoom(hashes);
          hashes[STRIDE * position] = marks;
          hashes[STRIDE * position + 1] = code;
          hashes[STRIDE * position + 2] = code;
          position += 1;
          marks = 0;
        }
      } else marks |= MARKS[code] ?? 0;
      index += 1;
      continue;
    }
    const start = index;
    let hash = 0;
    let beginning = 0;
    for (;;) {
      if (code >= 0x80) isForeign = true;
      hash = (Math.imul(hash, 31) + code) | 0;
      index += 1;
      if (index - start === BEGINNING_CHARS) beginning = hash;
      if (index >= length) break;
      code = text.charCodeAt(index);
      kind = code < 0x80 ? CLASSES[code] : foreignClass(code);
      if (kind !== LETTER && !(kind === JOINT && isLetterAt(text, index + 1))) break;
    }
    const size = index - start;
    if (STRIDE * (position + 2) > hashes.length) hashes = withRoom(hashes);
    hashes[STRIDE * position] = marks;
    marks = 0;
    if (kind === MASK && index < length && isMasked(text, index, start)) {
      const end = endOfMasked(text, start);
      readMasked(text, start, end, position, sentence, hits, hashes);
      index = end;
      position += 1;
      singles = 0;
      continue;
    }
    hashes[STRIDE * position + 1] = hash;
    hashes[STRIDE * position + 2] = size > BEGINNING_CHARS ? beginning : hash;
    if (size <= MAX_WORD_CHARS) {
      const known = TABLE[hash & (SLOTS - 1)];
      if (known !== undefined) {
        for (const { word, low, high } of known) {
          if (word.length === size && text.startsWith(word, start))
            hits.push({ low, high, position, sentence });
        }
      }
    }
    singles = size === 1 ? singles + 1 : 0;
    if (singles >= MIN_SPACED_LETTERS) isSpaced = true;
    position += 1;
  }
  if (length - lastSpace > MIN_RUN_CHARS) hasLongRun = true;
  hashes[STRIDE * position] = marks;
  return { hits, hashes, words: position, isForeign, isSpaced, hasLongRun };
}

/** Whether a digit or sign stands between letters, or begins a word of at least three. */
function isMasked(text: string, at: number, start: number): boolean {
  if (!isLetterAt(text, at + 1)) return isMaskAt(text, at + 1) && isLetterAt(text, at + 2) && at > start;
  return at > start || (isLetterAt(text, at + 2) && !isWordAt(text, at - 1));
}

function endOfMasked(text: string, start: number): number {
  let index = start;
  while (index < text.length && index - start < MAX_WORD_CHARS && isWordAt(text, index)) index += 1;
  return Math.max(index, start + 1);
}

/** Looks a word up whose letters are partly digits, and writes down what it hashes to when they are letters again. */
function readMasked(
  text: string,
  start: number,
  end: number,
  position: number,
  sentence: number,
  hits: Hit[],
  hashes: Int32Array,
): void {
  let word = '';
  for (let index = start; index < end; index += 1) {
    const letter = text.charAt(index);
    word += MASKED.get(letter) ?? letter;
  }
  hashes[STRIDE * position + 1] = hashOf(word);
  hashes[STRIDE * position + 2] = hashOf(word.slice(0, BEGINNING_CHARS));
  const entry = ENTRIES.get(word);
  if (entry !== undefined) hits.push({ low: entry.low, high: entry.high, position, sentence });
}

/** Words take two characters with what parts them, but signs and masked words can follow each other. */
function withRoom(hashes: Int32Array): Int32Array {
  const roomier = new Int32Array(2 * hashes.length);
  roomier.set(hashes);
  return roomier;
}

function isLetterAt(text: string, index: number): boolean {
  if (index >= text.length) return false;
  const code = text.charCodeAt(index);
  return (code < 0x80 ? CLASSES[code] : foreignClass(code)) === LETTER;
}

function isMaskAt(text: string, index: number): boolean {
  return index < text.length && CLASSES[text.charCodeAt(index)] === MASK;
}

function isWordAt(text: string, index: number): boolean {
  return index >= 0 && (isLetterAt(text, index) || isMaskAt(text, index));
}

/** Letters beyond ASCII; what is no letter there ends words, and the signs that end sentences end them. */
function foreignClass(code: number): number {
  if (code === 0x2019) return JOINT;
  if (code === 0x3002 || code === 0xff01 || code === 0xff1f) return END;
  if (code === 0xa0 || code === 0x3000) return SPACE;
  return code >= 0xc0 && !(code >= 0x2000 && code < 0x2c00) && !(code >= 0x3000 && code < 0xd800)
    ? LETTER
    : OTHER;
}

/** Signs that are words by themselves: those of Chinese and Japanese. */
function isSign(code: number): boolean {
  return (
    code >= 0x2e80 &&
    code < 0xd800 &&
    !(code >= 0x3000 && code < 0x3040) &&
    !(code >= 0xac00 && code < 0xd7b0)
  );
}

function classes(): Uint8Array {
  const kinds = new Uint8Array(0x80).fill(OTHER);
  for (let code = 0x61; code <= 0x7a; code += 1) kinds[code] = LETTER;
  for (const sign of ' \t\r\n') kinds[sign.charCodeAt(0)] = SPACE;
  for (const sign of '.?;') kinds[sign.charCodeAt(0)] = END;
  for (const sign of "'-") kinds[sign.charCodeAt(0)] = JOINT;
  for (const sign of MASKED.keys()) kinds[sign.charCodeAt(0)] = MASK;
  return kinds;
}

function marksOfText(): Uint8Array {
  const bits = new Uint8Array(0x80);
  const kinds = ['0123456789', '\n', '?', '!', ':', '.;', '"`<>[]{}()'];
  for (const [index, signs] of kinds.entries()) {
    for (const sign of signs) bits[sign.charCodeAt(0)] = 2 << index;
  }
  return bits;
}

function entries(): Map<string, Entry> {
  const found = new Map<string, Entry>();
  for (const [index, words] of Object.values(CONCEPTS).entries()) {
    const low = index < BITS ? 1 << index : 0;
    const high = index < BITS ? 0 : 1 << (index - BITS);
    for (const word of words.split(/\s+/)) {
      const known = found.get(word);
      found.set(word, { word, low: low | (known?.low ?? 0), high: high | (known?.high ?? 0) });
    }
  }
  return found;
}

function table(): (readonly Entry[] | undefined)[] {
  const slots: (Entry[] | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  for (const entry of ENTRIES.values()) {
    const slot = hashOf(entry.word) & (SLOTS - 1);
    const known = slots[slot] ?? [];
    known.push(entry);
    slots[slot] = known;
  }
  return slots;
}

function hashOf(word: string): number {
  let hash = 0;
  for (let index = 0; index < word.length; index += 1) {
    hash = (Math.imul(hash, 31) + word.charCodeAt(index)) | 0;
  }
  return hash;
}
