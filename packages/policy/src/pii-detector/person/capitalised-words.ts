/** No name is longer, and no word that is looked up. */
const MAX_WORD_CHARS = 24;

/** Capitals of the Latin, Greek and Cyrillic scripts, and small letters that stand among them. */
const CAPITAL = /[A-Z\u00c0-\u00de\u0100-\u024f\u0386-\u03ab\u0400-\u042f\u0460-\u052f]/g;

/** A capitalised word. */
export interface Word {
  readonly start: number;
  readonly end: number;
  readonly lower: string;
}

export interface Previous {
  readonly lower: string;
  /** -1: there is none. */
  readonly start: number;
}

const NO_WORD: Previous = { lower: '', start: -1 };

/** The word before a place, at most two signs away. */
export function wordBefore(text: string, at: number): Previous {
  let end = at;
  while (end > 0 && at - end < 3 && !isLetter(text.charCodeAt(end - 1))) {
    if (text[end - 1] === '\n') return NO_WORD;
    end -= 1;
  }
  let start = end;
  while (start > 0 && end - start <= MAX_WORD_CHARS && isInside(text, start - 1)) start -= 1;
  return start === end ? NO_WORD : { lower: text.slice(start, end).toLowerCase(), start };
}

export function wordAfter(text: string, at: number): string {
  if (text[at] !== ' ') return '';
  let end = at + 1;
  while (end < text.length && end - at <= MAX_WORD_CHARS && isInside(text, end)) end += 1;
  return text.slice(at + 1, end).toLowerCase();
}

/** Words with a capital first. The engine's search for the next one is faster than a loop over what is between. */
export function capitalisedWords(text: string): Word[] {
  const words: Word[] = [];
  const { length } = text;
  CAPITAL.lastIndex = 0;
  while (CAPITAL.test(text)) {
    const start = CAPITAL.lastIndex - 1;
    let end = start + 1;
    while (end < length && isInside(text, end)) end += 1;
    CAPITAL.lastIndex = end;
    const before = start === 0 ? 0x20 : text.charCodeAt(start - 1);
    if (isLetter(before) || isWordSign(before) || !isUpper(text, start)) continue;
    if (end < length && isWordSign(text.charCodeAt(end))) continue;
    if (text.startsWith("'s", end - 2) || text.startsWith('’s', end - 2)) end -= 2;
    // A letter alone is an initial, or begins a sentence.
    if (end - start > 1 && end - start <= MAX_WORD_CHARS * 2) {
      words.push({ start, end, lower: text.slice(start, end).toLowerCase() });
    }
  }
  return words;
}

/** Letters, and signs between two of them: `O'Brien`, `Jean-Luc`. */
function isInside(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  if (isLetter(code)) return true;
  return (
    (code === 0x27 || code === 0x2019 || code === 0x2d) &&
    index + 1 < text.length &&
    index > 0 &&
    isLetter(text.charCodeAt(index + 1)) &&
    isLetter(text.charCodeAt(index - 1))
  );
}

function isWordSign(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x5f || code === 0x40;
}

/** Letters of the Latin, Greek and Cyrillic scripts. */
function isLetter(code: number): boolean {
  if (code < 0x80) return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
  return code >= 0xc0 && code < 0x530 && code !== 0xd7 && code !== 0xf7;
}

export function isUpper(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  if (code < 0x80) return code >= 0x41 && code <= 0x5a;
  const letter = text.charAt(index);
  return letter !== letter.toLowerCase();
}
