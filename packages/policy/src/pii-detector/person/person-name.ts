import type { Span } from '../../texts/redactions.ts';
import { type CapitalisedWords, wordEndAfter, wordEndBefore, wordStartBefore } from './capitalised-words.ts';
import { isUpper, lowerHash } from './letters.ts';
import { MARK, marksOf } from './name-words.ts';

const LABEL = 'PERSON';
/** Given, middle and family names, particles counted. */
const MAX_NAME_WORDS = 5;
/** The longest of what stands between two names: a particle and its spaces. */
const MAX_GAP_CHARS = 9;
const PARTICLES =
  /^(?: (?:van der|van den|van de|von der|von|van|de la|de los|del|de|da|dos|di|la|le|el|al|bin|ibn|ter|ten|zu))? $/;
const INITIAL = /^ (?:\p{Lu}\.? ){1,2}$/u;

/** Where the word before the one that is asked about begins, and the lists that it is in. */
let previousStart = -1;
let previousMarks = 0;

/**
 * Finds names of people by rules: a given name and a family name, a title and a name, a phrase that introduces one, a lone given
 * name where the words beside it say that it is somebody. Names are those of many languages written with Latin or Cyrillic
 * letters; names that are in no list are found only after titles and introductions.
 */
export function findNamesByRules(text: string, words: CapitalisedWords, spans: Span[]): void {
  let index = 0;
  while (index < words.count) {
    const length = nameLength(text, words, index);
    if (length > 0 && !isCompany(text, words.end(index + length - 1)))
      spans.push({ start: words.start(index), end: words.end(index + length - 1), label: LABEL });
    index += Math.max(1, length);
  }
}

/** What goes on with `&` is the name of a company. */
export function isCompany(text: string, end: number): boolean {
  return text.charCodeAt(end) === 0x20 && text.charCodeAt(end + 1) === 0x26;
}

/** How many capitalised words from here on are a name; 0: none. */
function nameLength(text: string, words: CapitalisedWords, index: number): number {
  const marks = words.marks(index);
  readPrevious(text, words, index);
  const mayBeName = (marks & MARK.neverFamily) === 0;
  if ((previousMarks & MARK.title) !== 0 && (marks & MARK.title) === 0 && mayBeName) {
    const abbreviated = text[words.start(index) - 2] === '.' || isUpper(text.charCodeAt(previousStart));
    if (abbreviated) return extent(text, words, index);
  }
  const given = isGiven(text, words, index);
  if (mayBeName && (previousMarks & (MARK.introduction | MARK.copula)) !== 0 && isIntroduced(text)) {
    const isEnglish = previousMarks === marksOf(IS) && text.startsWith('is', previousStart);
    const whole = given || (marks & MARK.family) !== 0 || !isEnglish || isJoined(text, words, index);
    return whole ? extent(text, words, index) : 1;
  }
  if (isInverted(text, words, index)) return 2;
  // Whether a word is one or a name, the model decides.
  if (!given || (marks & MARK.ordinary) !== 0) return 0;
  const clear = (marks & MARK.ambiguous) === 0;
  const isPlace = (previousMarks & MARK.placePrefix) !== 0;
  if (!isPlace && isJoined(text, words, index)) {
    const next = words.marks(index + 1);
    if ((next & MARK.neverFamily) !== 0) return 0;
    if ((next & MARK.family) !== 0 || hasInitialBehind(text, words, index)) return extent(text, words, index);
    const length = words.end(index + 1) - words.start(index + 1);
    return clear && (length > 2 || isGiven(text, words, index + 1)) ? extent(text, words, index) : 0;
  }
  if (!clear || isPlace || words.end(index) - words.start(index) < 3) return 0;
  return isSomebody(text, words, index) ? 1 : 0;
}

const IS = lowerHash('is', 0, 2);

/** How many words the name has that begins here. */
function extent(text: string, words: CapitalisedWords, index: number): number {
  let length = 1;
  while (length < MAX_NAME_WORDS && isJoined(text, words, index + length - 1)) {
    if ((words.marks(index + length) & MARK.neverFamily) !== 0) break;
    length += 1;
  }
  return length;
}

/** Whether the next capitalised word belongs to this one: nothing but a space, an initial or a particle between them. */
function isJoined(text: string, words: CapitalisedWords, index: number): boolean {
  if (index + 1 >= words.count) return false;
  const end = words.end(index);
  const next = words.start(index + 1);
  if (text.charCodeAt(end) !== 0x20 || next - end > MAX_GAP_CHARS) return false;
  if (next - end === 1) return true;
  const gap = text.slice(end, next);
  return PARTICLES.test(gap) || INITIAL.test(gap);
}

function hasInitialBehind(text: string, words: CapitalisedWords, index: number): boolean {
  const end = words.end(index);
  const next = words.start(index + 1);
  return next - end > 1 && INITIAL.test(text.slice(end, next));
}

/**
 * Whether a name may go on with a word, or with what comes after it.
 *
 * @param gap what stands between the last capitalised word and this one
 */
export function mayContinueName(gap: string, word: string, isCapitalised: boolean): boolean {
  if (isCapitalised) return gap === ' ' || gap === ', ' || PARTICLES.test(gap) || INITIAL.test(gap);
  const further = `${gap}${word} `;
  return PARTICLES.test(further) || INITIAL.test(further);
}

/** `Smith, John` */
function isInverted(text: string, words: CapitalisedWords, index: number): boolean {
  const marks = words.marks(index);
  if ((marks & MARK.family) === 0 || (marks & MARK.ambiguous) !== 0 || index + 1 >= words.count) return false;
  const end = words.end(index);
  if (words.start(index + 1) - end !== 2 || text.charCodeAt(end) !== 0x2c) return false;
  const isClear = (words.marks(index + 1) & MARK.ambiguous) === 0;
  return isClear && isGiven(text, words, index + 1) && text[words.end(index + 1)] !== ' ';
}

/** Of a double name, such as `Jean-Luc`, the first half has to be known. */
function isGiven(text: string, words: CapitalisedWords, index: number): boolean {
  if ((words.marks(index) & MARK.given) !== 0) return true;
  const start = words.start(index);
  const end = words.end(index);
  let hyphen = start;
  while (hyphen < end && text.charCodeAt(hyphen) !== 0x2d) hyphen += 1;
  if (hyphen === end || hyphen - start < 3) return false;
  const half = marksOf(lowerHash(text, start, hyphen));
  return (half & (MARK.given | MARK.ambiguous)) === MARK.given;
}

function isSomebody(text: string, words: CapitalisedWords, index: number): boolean {
  const end = words.end(index);
  const sign = text.charCodeAt(end);
  if ((sign === 0x27 || sign === 0x2019) && text.charCodeAt(end + 1) === 0x73) return true;
  if ((previousMarks & MARK.beforePerson) !== 0) return true;
  if (/[\w-]/.test(text[words.start(index) - 1] ?? ' ')) return false;
  const next = wordEndAfter(text, end);
  return next > end && (marksOf(lowerHash(text, end + 1, next)) & MARK.afterPerson) !== 0;
}

function isIntroduced(text: string): boolean {
  if ((previousMarks & MARK.introduction) !== 0) return true;
  const start = wordStartBefore(text, previousStart);
  if (start < 0) return false;
  return (marksOf(lowerHash(text, start, wordEndBefore(text, previousStart))) & MARK.wordForName) !== 0;
}

function readPrevious(text: string, words: CapitalisedWords, index: number): void {
  if (index > 0 && words.joins(text, index - 1)) {
    previousStart = words.start(index - 1);
    previousMarks = words.marks(index - 1);
    return;
  }
  const at = words.start(index);
  previousStart = wordStartBefore(text, at);
  previousMarks = previousStart < 0 ? 0 : marksOf(lowerHash(text, previousStart, wordEndBefore(text, at)));
}
