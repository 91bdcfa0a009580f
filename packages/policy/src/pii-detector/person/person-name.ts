import type { Span } from '../../texts/redactions.ts';
import {
  capitalisedWords,
  isUpper,
  type Previous,
  type Word,
  wordAfter,
  wordBefore,
} from './capitalised-words.ts';
import {
  AFTER_PERSON,
  AMBIGUOUS,
  BEFORE_PERSON,
  FAMILY,
  GIVEN,
  INTRODUCTIONS,
  NEVER_FAMILY,
  TITLES,
} from './name-words.ts';

const LABEL = 'PERSON';
/** Given, middle and family names, particles counted. */
const MAX_NAME_WORDS = 5;
const PARTICLES =
  /^(?: (?:van der|van den|van de|von der|von|van|de la|de los|del|de|da|dos|di|la|le|el|al|bin|ibn|ter|ten|zu))? $/;
const INITIAL = /^ (?:\p{Lu}\.? ){1,2}$/u;

/**
 * Finds names of people by rules: a given name and a family name, a title and a name, a phrase that introduces one, a lone given
 * name where the words beside it say that it is somebody. Names are those of many languages written with Latin or Cyrillic
 * letters; names that are in no list are found only after titles and introductions.
 */
export function findNamesByRules(text: string, spans: Span[], words = capitalisedWords(text)): void {
  let index = 0;
  while (index < words.length) {
    const length = nameLength(text, words, index);
    const first = words[index];
    const last = words[index + Math.max(1, length) - 1];
    if (length > 0 && first !== undefined && last !== undefined) {
      spans.push({ start: first.start, end: last.end, label: LABEL });
      index += length;
    } else index += 1;
  }
}

/** How many capitalised words from here on are a name; 0: none. */
function nameLength(text: string, words: readonly Word[], index: number): number {
  const word = words[index];
  if (word === undefined) return 0;
  const previous = wordBefore(text, word.start);
  if (TITLES.has(previous.lower) && previous.start >= 0 && !TITLES.has(word.lower)) {
    const abbreviated = text[word.start - 2] === '.' || isUpper(text, previous.start);
    if (abbreviated && !NEVER_FAMILY.has(word.lower)) return extent(text, words, index);
  }
  const given = isGiven(word.lower);
  if (isIntroduced(text, previous) && !NEVER_FAMILY.has(word.lower)) {
    return given || FAMILY.has(word.lower) || previous.lower !== 'is' || isJoined(text, words, index)
      ? extent(text, words, index)
      : 1;
  }
  if (!given) return isInverted(text, words, index) ? 2 : 0;
  const next = words[index + 1];
  const clear = !AMBIGUOUS.has(word.lower);
  if (next !== undefined && isJoined(text, words, index) && !isPlacePrefix(previous.lower)) {
    if (NEVER_FAMILY.has(next.lower)) return 0;
    if (FAMILY.has(next.lower) || INITIAL.test(text.slice(word.end, next.start))) {
      return extent(text, words, index);
    }
    if (clear && (isGiven(next.lower) || next.lower.length > 2)) {
      return extent(text, words, index);
    }
    return 0;
  }
  if (!clear || word.lower.length < 3 || isPlacePrefix(previous.lower)) return 0;
  return isSomebody(text, word, previous.lower) ? 1 : 0;
}

/** How many words the name has that begins here. */
function extent(text: string, words: readonly Word[], index: number): number {
  let length = 1;
  while (length < MAX_NAME_WORDS && isJoined(text, words, index + length - 1)) {
    const next = words[index + length];
    if (next === undefined || NEVER_FAMILY.has(next.lower)) break;
    length += 1;
  }
  return length;
}

/** Whether the next capitalised word belongs to this one: nothing but a space, an initial or a particle between them. */
function isJoined(text: string, words: readonly Word[], index: number): boolean {
  const word = words[index];
  const next = words[index + 1];
  if (word === undefined || next === undefined || next.start - word.end > 9) return false;
  const gap = text.slice(word.end, next.start);
  return gap === ' ' || PARTICLES.test(gap) || INITIAL.test(gap);
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
function isInverted(text: string, words: readonly Word[], index: number): boolean {
  const word = words[index];
  const next = words[index + 1];
  if (word === undefined || next === undefined || next.start - word.end !== 2) return false;
  if (text[word.end] !== ',' || !FAMILY.has(word.lower) || AMBIGUOUS.has(word.lower)) return false;
  return isGiven(next.lower) && !AMBIGUOUS.has(next.lower) && text[next.end] !== ' ';
}

/** Of a double name, such as `Jean-Luc`, the first half has to be known. */
function isGiven(lower: string): boolean {
  if (GIVEN.has(lower)) return true;
  const hyphen = lower.indexOf('-');
  return hyphen > 2 && GIVEN.has(lower.slice(0, hyphen)) && !AMBIGUOUS.has(lower.slice(0, hyphen));
}

function isSomebody(text: string, { start, end }: Word, previous: string): boolean {
  const next = text.slice(end, end + 2);
  if (next === "'s" || next === '’s') return true;
  if (BEFORE_PERSON.has(previous)) return true;
  return AFTER_PERSON.has(wordAfter(text, end)) && !/[\w-]/.test(text[start - 1] ?? ' ');
}

function isIntroduced(text: string, previous: Previous): boolean {
  const before = INTRODUCTIONS.get(previous.lower);
  if (before === undefined) return false;
  return before === null || before.has(wordBefore(text, previous.start).lower);
}

function isPlacePrefix(previous: string): boolean {
  return (
    previous === 'san' ||
    previous === 'santa' ||
    previous === 'st' ||
    previous === 'saint' ||
    previous === 'são'
  );
}
