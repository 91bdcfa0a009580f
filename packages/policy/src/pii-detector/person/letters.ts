/** Letters of the Latin, Greek and Cyrillic scripts lie below this; those of Vietnamese come last. */
const LETTERS_END = 0x1f00;

const LETTER = 1;
/** A capital with which a name may begin. */
const CAPITAL = 2;
const UPPER = 4;
/** Beside one of these, letters are part of a longer word that is no name. */
const WORD_SIGN = 8;

const CAPITALS = /[A-Z\u00c0-\u00de\u0100-\u024f\u0386-\u03ab\u0400-\u042f\u0460-\u052f\u1e00-\u1eff]/;
const LETTERS = /[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u052f\u1e00-\u1eff]/;
const WORD_SIGNS = /[0-9_@]/;

const KINDS = Uint8Array.from({ length: LETTERS_END }, (_, code) => kindsOf(String.fromCharCode(code)));
const LOWER = Uint16Array.from({ length: LETTERS_END }, (_, code) =>
  String.fromCharCode(code).toLowerCase().charCodeAt(0),
);

/** Letters of the Latin, Greek and Cyrillic scripts. As all of these, false behind the end of a text, where there is no code. */
export function isLetter(code: number): boolean {
  return (kinds(code) & LETTER) !== 0;
}

export function isUpper(code: number): boolean {
  return (kinds(code) & UPPER) !== 0;
}

/** A letter that is no capital. */
export function isSmall(code: number): boolean {
  return (kinds(code) & (LETTER | UPPER)) === LETTER;
}

export function isCapital(code: number): boolean {
  return (kinds(code) & CAPITAL) !== 0;
}

export function isWordSign(code: number): boolean {
  return (kinds(code) & WORD_SIGN) !== 0;
}

export function isLetterOrWordSign(code: number): boolean {
  return (kinds(code) & (LETTER | WORD_SIGN)) !== 0;
}

/** The small letter of a letter; other codes are given back. */
export function lower(code: number): number {
  return code < LETTERS_END ? (LOWER[code] ?? code) : code;
}

/** Signs that stand between two letters of one word: `O'Brien`, `Jean-Luc`. */
export function isJoiningSign(code: number): boolean {
  return code === 0x27 || code === 0x2019 || code === 0x2d;
}

const FIRST_HASH = 0x811c9dc5 | 0;

/** A hash of a part of a text in small letters (FNV-1a): as long as a list is short, no two words share it. */
export function lowerHash(text: string, start: number, end: number): number {
  let hash = FIRST_HASH;
  for (let index = start; index < end; index += 1) {
    hash = Math.imul(hash ^ lower(text.charCodeAt(index)), 0x01000193);
  }
  return hash;
}

function kinds(code: number): number {
  return code < LETTERS_END ? (KINDS[code] ?? 0) : 0;
}

function kindsOf(letter: string): number {
  const upper = LETTERS.test(letter) && letter !== letter.toLowerCase();
  return (
    (LETTERS.test(letter) ? LETTER : 0) |
    (upper ? UPPER : 0) |
    (upper && CAPITALS.test(letter) ? CAPITAL : 0) |
    (WORD_SIGNS.test(letter) ? WORD_SIGN : 0)
  );
}
