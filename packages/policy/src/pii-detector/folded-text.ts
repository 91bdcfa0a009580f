import type { Span } from '../texts/redactions.ts';

/** The zeros of the scripts that write numbers with ten digits of their own; the other nine follow (Unicode, category Nd). */
const ZEROS = [
  0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0de6,
  0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0,
  0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0,
] as const;
/** Full-width letters, digits and signs that stand in values; those that end sentences are left as they are. */
const FULL_WIDTH = /[\uff0b\uff0d\uff0e\uff10-\uff19\uff20-\uff3a\uff3f\uff41-\uff5a]/;
const FROM_FULL_WIDTH = 0xfee0;
/** Characters that show nothing: hyphenation points, joiners, marks of direction. */
const INVISIBLE = /[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/;

const DROPPED = 0xffff;
/** What stands for a character; 0: the character itself. */
const FOLDED = table();

/** Whether there is anything to fold; on most texts the search ends without a find, and nothing is copied. */
const FOLDABLE = new RegExp(`[${ranges()}]`);

/** A text with the digits of all scripts as 0 to 9 and without invisible characters, and where each of its characters was. */
export interface FoldedText {
  readonly text: string;
  /** The places in the original text: of a value, the whole of it, with what is invisible in it. */
  originals(spans: readonly Span[]): Span[];
}

/** Folds a text, so that a number in it is found whatever its digits look like; null where there is nothing to fold. */
export function folded(text: string): FoldedText | null {
  if (!FOLDABLE.test(text)) return null;
  const places = new Int32Array(text.length);
  const codes = new Uint16Array(text.length);
  let length = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = foldedCode(text.charCodeAt(index));
    if (code === DROPPED) continue;
    places[length] = index;
    codes[length] = code;
    length += 1;
  }
  return {
    text: Buffer.from(codes.buffer, 0, length * 2).toString('utf16le'),
    originals: (spans) =>
      spans.map(({ start, end, label }) => ({
        start: places[start] ?? 0,
        end: (places[end - 1] ?? 0) + 1,
        label,
      })),
  };
}

/** The text of a word alone. */
export function foldedWord(word: string): string {
  return folded(word)?.text ?? word;
}

/** Whether a character is another one when folded, or none. */
export function isFolded(code: number): boolean {
  return (FOLDED[code] ?? 0) !== 0;
}

function foldedCode(code: number): number {
  const other = FOLDED[code] ?? 0;
  return other === 0 ? code : other;
}

function table(): Uint16Array {
  const codes = new Uint16Array(0x10000);
  for (const zero of ZEROS) for (let digit = 0; digit < 10; digit += 1) codes[zero + digit] = 0x30 + digit;
  for (let code = 0x80; code < codes.length; code += 1) {
    const character = String.fromCharCode(code);
    if (FULL_WIDTH.test(character)) codes[code] = code - FROM_FULL_WIDTH;
    else if (INVISIBLE.test(character)) codes[code] = DROPPED;
  }
  return codes;
}

function ranges(): string {
  const digits = ZEROS.map((zero) => `${escaped(zero)}-${escaped(zero + 9)}`);
  return `${digits.join('')}${FULL_WIDTH.source.slice(1, -1)}${INVISIBLE.source.slice(1, -1)}`;
}

function escaped(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}
