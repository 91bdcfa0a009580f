/**
 * Undoes what hides words from a reader but not from a model: invisible characters, look-alike letters, letters apart, and
 * encodings. Digits for letters are undone where words are read.
 */

/** Encodings are looked for in runs without spaces of this length, and undone so many times inside each other. */
const MAX_DECODED = 16;
const MAX_NESTING = 2;
const MIN_ENCODED_CHARS = 20;
const MIN_DECODED_CHARS = 8;
const LEAST_READABLE = 0.9;
const LEAST_LETTERS = 0.6;

const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu;
/** Tag characters repeat ASCII where nobody sees it. */
const TAGS = /[\u{e0000}-\u{e007f}]+/gu;
const ONLY_HEX = /^[0-9a-fA-F]+$/;
const ESCAPED = /(?:(?:\\x|\\u00|%)[0-9a-fA-F]{2}){8,}/g;
const BINARY = /(?:[01]{8}[ ,]{0,2}){8,}/g;
const SPACED = /(?:\b[a-z][ .*_-]{1,2}){5,}[a-z]\b/g;
const LOOK_ALIKE = /[\u0131\u0251-\u0292\u0370-\u03ff\u0400-\u0530\u0531-\u058f\u1d00-\u1dbf\u217c\ua731]/;

/** Small letters of other scripts that look like Latin ones (Unicode's confusables, the common part). */
const LOOK_ALIKES: ReadonlyMap<string, string> = new Map(
  [
    'aаɑα',
    'bьв',
    'cсϲ',
    'dԁ',
    'eеєεҽ',
    'gɡ',
    'hһн',
    'iіιıɩ',
    'jј',
    'kкκ',
    'lӏⅼ',
    'mм',
    'nпη',
    'oоοσօ',
    'pрρ',
    'qԛ',
    'rг',
    'sѕꜱ',
    'tтτ',
    'uυս',
    'vνѵ',
    'wԝωѡ',
    'xхχ',
    'yуγʏ',
    'zᴢ',
  ].flatMap(([latin = '', ...alike]) => alike.map((letter): [string, string] => [letter, latin])),
);

/** 1 for the characters of base64, in both its alphabets. */
const ENCODED = encodedCharacters();

/** A text without the characters that nobody sees, what they spell, and how many there were. */
export interface Visible {
  readonly text: string;
  readonly tagged: readonly string[];
  readonly invisible: number;
}

/** Takes out what nobody sees, and gives letters their common form. */
export function makeVisible(text: string): Visible {
  const tagged: string[] = [];
  let invisible = 0;
  const visible = text
    .replace(TAGS, (tags) => {
      tagged.push(
        String.fromCharCode(...[...tags].map((tag) => (tag.codePointAt(0) ?? 0) & 0x7f)).toLowerCase(),
      );
      return '';
    })
    .replace(INVISIBLE, () => {
      invisible += 1;
      return '';
    });
  return { text: visible.normalize('NFKC'), tagged, invisible };
}

/** Look-alikes become what they look like, in words that mix them with Latin letters or have nothing else. */
export function withoutLookAlikes(text: string): string {
  if (!LOOK_ALIKE.test(text)) return text;
  return text.replace(/\p{L}+/gu, (word) => (isDisguised(word) ? latin(word) : word));
}

/** `i g n o r e` becomes `ignore`. */
export function withoutGaps(text: string): string {
  return text.replace(SPACED, (letters) => letters.replace(/[ .*_-]/g, ''));
}

/** Small letters thirteen places on in the alphabet. */
export function rotated(text: string): string {
  return text.replace(/[a-z]/g, (letter) =>
    String.fromCharCode(0x61 + ((letter.charCodeAt(0) - 0x61 + 13) % 26)),
  );
}

/** From the end to the beginning. */
export function reversed(text: string): string {
  return [...text].reverse().join('');
}

/**
 * What stands in a text in base64, in hexadecimal or binary digits, with percent signs or as escapes of programs, in small letters,
 * if it reads as text.
 */
export function decodedTexts(text: string): readonly string[] {
  const into: string[] = [];
  decode(text, into, 0);
  return into;
}

/** Latin letters and look-alikes in one word, or nothing but look-alikes. */
function isDisguised(word: string): boolean {
  let hasLatin = false;
  let hasAlike = false;
  for (const letter of word) {
    if (letter >= 'a' && letter <= 'z') hasLatin = true;
    else if (LOOK_ALIKES.has(letter)) hasAlike = true;
    else return false;
  }
  return hasAlike && (hasLatin || word.length > 2);
}

function latin(word: string): string {
  let result = '';
  for (const letter of word) result += LOOK_ALIKES.get(letter) ?? letter;
  return result;
}

function decode(text: string, into: string[], nesting: number): void {
  if (nesting >= MAX_NESTING) return;
  let start = 0;
  for (let index = 0; index <= text.length; index += 1) {
    if (index < text.length && ENCODED[text.charCodeAt(index)] === 1) continue;
    if (index - start >= MIN_ENCODED_CHARS && into.length < MAX_DECODED) {
      const run = text.slice(start, index);
      keep(Buffer.from(run, 'base64').toString('utf8'), into, nesting);
      if (ONLY_HEX.test(run)) keep(Buffer.from(run, 'hex').toString('utf8'), into, nesting);
    }
    start = index + 1;
  }
  if (text.includes('%') || text.includes('\\')) {
    for (const [run] of text.matchAll(ESCAPED)) {
      if (into.length >= MAX_DECODED) return;
      keep(Buffer.from(run.replace(/\\x|\\u00|%/g, ''), 'hex').toString('utf8'), into, nesting);
    }
  }
  if (!text.includes('0110')) return;
  for (const [run] of text.matchAll(BINARY)) {
    if (into.length >= MAX_DECODED) return;
    const bytes = run.match(/[01]{8}/g) ?? [];
    keep(Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2))).toString('utf8'), into, nesting);
  }
}

/** Keeps what reads as text: anything else was no encoding. */
function keep(decoded: string, into: string[], nesting: number): void {
  const { length } = decoded;
  if (length < MIN_DECODED_CHARS) return;
  let readable = 0;
  let letters = 0;
  for (let index = 0; index < length; index += 1) {
    const code = decoded.charCodeAt(index);
    const isLetter = code === 0x20 || (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
    if (isLetter) letters += 1;
    if (code !== 0xfffd && (code >= 0x20 || code === 0x0a || code === 0x0d || code === 0x09)) readable += 1;
  }
  if (readable < length * LEAST_READABLE || letters < length * LEAST_LETTERS) return;
  into.push(decoded.toLowerCase());
  decode(decoded, into, nesting + 1);
}

function encodedCharacters(): Uint8Array {
  const characters = new Uint8Array(0x1_00_00);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_';
  for (const character of alphabet) characters[character.charCodeAt(0)] = 1;
  return characters;
}
