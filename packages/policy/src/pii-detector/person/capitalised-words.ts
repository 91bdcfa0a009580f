import { isCapital, isJoiningSign, isLetter, isLetterOrWordSign, isWordSign, lowerHash } from './letters.ts';
import { MARK, marksOf } from './name-words.ts';

/** No name is longer, and no word that is looked up. */
const MAX_WORD_CHARS = 24;

/** Capitals of the Latin, Greek and Cyrillic scripts, and small letters that stand among them. */
const CAPITAL = /[A-Z\u00c0-\u00de\u0100-\u024f\u0386-\u03ab\u0400-\u042f\u0460-\u052f\u1e00-\u1eff]/g;

/** How many words a table has room for at first; it is doubled where a text has more, */
const FIRST_ROOM = 512;
/** and made anew for the next text where it has grown beyond this. */
const MOST_ROOM_KEPT = 64 * 1024;

/**
 * The capitalised words of one text, by their places: rows of numbers instead of objects, since every text has dozens. One table
 * serves one text after another.
 */
export class CapitalisedWords {
  count = 0;
  #starts = new Int32Array(FIRST_ROOM);
  #ends = new Int32Array(FIRST_ROOM);
  #marks = new Int32Array(FIRST_ROOM);

  start(index: number): number {
    return this.#starts[index] ?? 0;
  }

  end(index: number): number {
    return this.#ends[index] ?? 0;
  }

  /** The lists that a word is in. */
  marks(index: number): number {
    return this.#marks[index] ?? 0;
  }

  /** Whether an ordinary word stands by itself: only what introduces a name makes one of it. */
  isPlain(text: string, index: number): boolean {
    if ((this.marks(index) & (MARK.given | MARK.family | MARK.ordinary)) !== MARK.ordinary) return false;
    return !this.joins(text, index) && !(index > 0 && this.joins(text, index - 1));
  }

  /** Whether nothing but a space stands between a word and the next capitalised one. */
  joins(text: string, index: number): boolean {
    if (index + 1 >= this.count) return false;
    const end = this.end(index);
    return this.start(index + 1) === end + 1 && text.charCodeAt(end) === 0x20;
  }

  /**
   * Reads a text once; what was read before is forgotten. The engine's search for the next capital is faster than a loop over
   * what is between.
   */
  read(text: string): void {
    this.count = 0;
    if (this.#starts.length > MOST_ROOM_KEPT) this.#makeRoom(FIRST_ROOM);
    const { length } = text;
    CAPITAL.lastIndex = 0;
    while (CAPITAL.test(text)) {
      const start = CAPITAL.lastIndex - 1;
      const end = wordEnd(text, start + 1, length);
      CAPITAL.lastIndex = end;
      if (isCapital(text.charCodeAt(start))) this.#take(text, start, end);
    }
  }

  #take(text: string, start: number, to: number): void {
    if (start > 0 && isLetterOrWordSign(text.charCodeAt(start - 1))) return;
    if (isWordSign(text.charCodeAt(to))) return;
    const end = isPossessive(text, to) ? to - 2 : to;
    // A letter alone is an initial, or begins a sentence.
    if (end - start < 2 || end - start > MAX_WORD_CHARS * 2) return;
    const { count } = this;
    if (count === this.#starts.length) this.#makeRoom(count * 2);
    this.#starts[count] = start;
    this.#ends[count] = end;
    this.#marks[count] = marksOf(lowerHash(text, start, end));
    this.count = count + 1;
  }

  #makeRoom(room: number): void {
    const kept = Math.min(room, this.count);
    const other = (old: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
      const rows = new Int32Array(room);
      rows.set(old.subarray(0, kept));
      return rows;
    };
    this.#starts = other(this.#starts);
    this.#ends = other(this.#ends);
    this.#marks = other(this.#marks);
  }
}

/** Where the word before a place begins, at most three signs away on the same line; -1: there is none. */
export function wordStartBefore(text: string, at: number): number {
  const end = wordEndBefore(text, at);
  if (end < 0) return -1;
  let start = end;
  while (start > 0 && end - start <= MAX_WORD_CHARS && isInside(text, start - 1)) start -= 1;
  return start === end ? -1 : start;
}

/** Where that word ends. */
export function wordEndBefore(text: string, at: number): number {
  let end = at;
  while (end > 0 && at - end < 3) {
    const code = text.charCodeAt(end - 1);
    if (isLetter(code)) break;
    if (code === 0x0a) return -1;
    end -= 1;
  }
  return end;
}

/** Where the word behind one space ends; the place itself where none is. */
export function wordEndAfter(text: string, at: number): number {
  if (text.charCodeAt(at) !== 0x20) return at;
  let end = at + 1;
  while (end < text.length && end - at <= MAX_WORD_CHARS && isInside(text, end)) end += 1;
  return end;
}

/** Where the word goes to whose letters end before a place, or go on. */
function wordEnd(text: string, from: number, length: number): number {
  let end = from;
  while (end < length) {
    const code = text.charCodeAt(end);
    if (!isLetter(code)) {
      if (!isJoiningSign(code) || !isLetter(text.charCodeAt(end + 1)) || !isLetter(text.charCodeAt(end - 1)))
        break;
    }
    end += 1;
  }
  return end;
}

function isInside(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  if (isLetter(code)) return true;
  return isJoiningSign(code) && isLetter(text.charCodeAt(index + 1)) && isLetter(text.charCodeAt(index - 1));
}

function isPossessive(text: string, end: number): boolean {
  const sign = text.charCodeAt(end - 2);
  return (sign === 0x27 || sign === 0x2019) && text.charCodeAt(end - 1) === 0x73;
}
