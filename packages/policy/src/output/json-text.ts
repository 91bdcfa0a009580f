import { MAX_MATCH_CHARS } from './window.ts';

/** A text that goes out piece by piece. */
export interface PiecewiseText {
  /** Takes the next piece; gives what may go to the caller by now. */
  push(piece: string): string;
  /** Gives what was held back until now, since nothing more comes. */
  end(): string;
}

/** What needs no looking at, and may be a number too short to tell anything. */
const PLAIN_LITERAL = /^(?:true|false|null|-?\d{1,6})$/;
const NUMBER = /^-?\d/;
const STRUCTURE = /[\s{}[\]:,]/;
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/**
 * JSON that comes in pieces, cut anywhere, such as the arguments of a tool call: each string in it is a text of its own, without
 * its escapes, and is written back with those it needs. What is no JSON object or list is one plain text.
 */
export class JsonText implements PiecewiseText {
  readonly #begin: () => PiecewiseText;
  readonly #isBlocked: () => boolean;
  /** Set as soon as it is known that this is no JSON. */
  #plain: PiecewiseText | null = null;
  #isJson = false;
  /** The string that is being read; null between strings. */
  #string: PiecewiseText | null = null;
  /** What came of an escape so far; empty outside one. */
  #escape = '';
  /** What came of a number or a word that is no string. */
  #literal = '';

  /** @param begin gives a way out to each text within */
  constructor(begin: () => PiecewiseText, isBlocked: () => boolean) {
    this.#begin = begin;
    this.#isBlocked = isBlocked;
  }

  push(piece: string): string {
    if (this.#plain !== null) return this.#plain.push(piece);
    if (!this.#isJson) {
      const first = piece.trimStart()[0];
      if (first === undefined) return piece;
      if (first !== '{' && first !== '[') {
        this.#plain = this.#begin();
        return this.#plain.push(piece);
      }
      this.#isJson = true;
    }
    let out = '';
    let index = 0;
    while (index < piece.length && !this.#isBlocked()) {
      if (this.#string === null) {
        out += this.#between(piece.charAt(index));
        index += 1;
      } else if (this.#escape !== '') {
        out += this.#escaped(piece.charAt(index), this.#string);
        index += 1;
      } else {
        const to = stringPartEnd(piece, index);
        if (to > index) out += written(this.#string.push(piece.slice(index, to)));
        const sign = piece[to];
        index = to + 1;
        if (this.#isBlocked()) break;
        if (sign === '\\') this.#escape = sign;
        else if (sign === '"') out += this.#endString(this.#string);
      }
    }
    return out;
  }

  end(): string {
    if (this.#plain !== null) return this.#plain.end();
    if (this.#string !== null) return written(this.#string.end());
    return this.#endLiteral();
  }

  #between(character: string): string {
    if (character === '"') {
      const before = this.#endLiteral();
      if (this.#isBlocked()) return before;
      this.#string = this.#begin();
      return `${before}"`;
    }
    if (STRUCTURE.test(character)) {
      const before = this.#endLiteral();
      return this.#isBlocked() ? before : before + character;
    }
    this.#literal += character;
    return this.#literal.length < MAX_MATCH_CHARS ? '' : this.#endLiteral();
  }

  #endLiteral(): string {
    const literal = this.#literal;
    this.#literal = '';
    if (literal === '' || PLAIN_LITERAL.test(literal)) return literal;
    const text = this.#begin();
    const passed = text.push(literal) + text.end();
    return passed !== literal && NUMBER.test(literal) ? JSON.stringify(passed) : passed;
  }

  #escaped(character: string, string: PiecewiseText): string {
    this.#escape += character;
    const kind = this.#escape.charAt(1);
    if (kind === 'u' && this.#escape.length < 6) return '';
    const code = Number.parseInt(this.#escape.slice(2), 16);
    this.#escape = '';
    if (kind !== 'u') return written(string.push(ESCAPES[kind] ?? kind));
    return written(string.push(Number.isNaN(code) ? '\ufffd' : String.fromCharCode(code)));
  }

  #endString(string: PiecewiseText): string {
    this.#string = null;
    const rest = written(string.end());
    return this.#isBlocked() ? rest : `${rest}"`;
  }
}

/** Where a part of a string without escapes ends. */
function stringPartEnd(piece: string, from: number): number {
  let index = from;
  while (index < piece.length) {
    const code = piece.charCodeAt(index);
    if (code === 0x22 || code === 0x5c) break;
    index += 1;
  }
  return index;
}

/** As it stands within the quotes of a JSON string. */
function written(text: string): string {
  return text === '' ? '' : JSON.stringify(text).slice(1, -1);
}
