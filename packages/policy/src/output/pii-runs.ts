import { foldedWord, isFolded } from '../pii-detector/folded-text.ts';
import { mayContinueName } from '../pii-detector/person/person-name.ts';

/**
 * Which words of a text may belong to the same finding of the `pii-detector`. Each of its finders keeps to this: what it finds
 * lies within one run of words that are joined, each to the next.
 */

/** Characters that stand in no finding and join nothing. Others that are no white space stand in words. */
const BREAKS: ReadonlySet<string> = new Set(
  '"!?;=*#|[]{}<>`~^$&\\，。、；：！？「」『』（）【】《》“”„«»…—•·',
);

/** Without one of these in it, no word begins a finding. */
const TELLING = /[\dA-Z@＠:%\u00c0-\u052f\u1e00-\u1eff]/;
const DIGIT = /\d/;
const SIGNS = /^[-–/()+\u2011]+$/;
const CAPITAL = /[A-Z\u00c0-\u00de\u0100-\u024f\u0386-\u03ab\u0400-\u042f\u0460-\u052f\u1e00-\u1eff]/;
const INITIAL = /^\p{Lu}\.?$/u;
const LAST_LETTERS = /\p{L}(?<signs>[^\p{L}]*)$/u;
/** The first characters of an account number: a country and two check digits. */
const ACCOUNT = /(?:^|[^A-Za-z0-9_\u00c0-\u1fff])(?<account>[A-Za-z]{2}\d\d[A-Za-z0-9-]*)$/;
const ACCOUNT_PART = /^[A-Za-z0-9-]+/;
/** The longest account number, in letters and digits (ISO 13616). */
const MAX_ACCOUNT_CHARS = 34;

export type CharacterKind = 'word' | 'space' | 'white' | 'break';

const ASCII_KINDS: readonly CharacterKind[] = Array.from({ length: 128 }, (_, code) =>
  kindOf(String.fromCharCode(code)),
);

/** `space` may stand within a finding; other white space and breaks do not. */
export function characterKind(code: number, text: string, index: number): CharacterKind {
  return ASCII_KINDS[code] ?? kindOf(text.charAt(index));
}

function kindOf(character: string): CharacterKind {
  if (isFolded(character.charCodeAt(0))) return 'word';
  if (character === ' ' || character === '\u00a0') return 'space';
  if (/\s/.test(character)) return 'white';
  return BREAKS.has(character) ? 'break' : 'word';
}

const ASCII_TELLING: readonly boolean[] = Array.from({ length: 128 }, (_, code) =>
  TELLING.test(String.fromCharCode(code)),
);

/** Whether a finding may begin in a word with this character in it. */
export function isTelling(code: number, text: string, index: number): boolean {
  return ASCII_TELLING[code] ?? (isFolded(code) || TELLING.test(text.charAt(index)));
}

/** The words of one run so far, as far as the next one's joining depends on them. */
export class Run {
  /** Whether a finding may begin in it. */
  isTelling: boolean;
  #digits = false;
  #signs = false;
  /** Letters and digits that the account number begun in it may still have. */
  #account = 0;
  /** What stands behind the last letter of the last capitalised word; null where no name can go on. */
  #nameGap: string | null = null;

  constructor(word: string, telling: boolean) {
    this.isTelling = telling;
    if (telling) this.#take(foldedWord(word));
  }

  /** Takes the next word, one space behind the last, into the run where it may belong to the same finding. */
  join(written: string, telling: boolean): boolean {
    if (!this.isTelling) return false;
    const word = foldedWord(written);
    const gap = this.#nameGap === null ? null : `${this.#nameGap} `;
    const capital = isCapitalised(word);
    const name = gap !== null && mayContinueName(gap, word, capital);
    const digits = DIGIT.test(word);
    const number = this.#digits ? digits || SIGNS.test(word) : this.#signs && digits;
    const account = this.#account > 0 ? (ACCOUNT_PART.exec(word)?.[0] ?? '') : '';
    if (!name && !number && account === '') return false;
    const accountLeft = account === word ? this.#account - account.length : 0;
    this.isTelling ||= telling;
    this.#take(word);
    if (account !== '') this.#account = Math.max(this.#account, accountLeft);
    if (name && !capital) this.#nameGap = gap + word;
    return true;
  }

  #take(word: string): void {
    this.#digits = DIGIT.test(word);
    this.#signs = SIGNS.test(word);
    const account = ACCOUNT.exec(word.slice(-MAX_ACCOUNT_CHARS * 2))?.groups?.['account'];
    this.#account = account === undefined ? 0 : MAX_ACCOUNT_CHARS - account.length;
    this.#nameGap = isCapitalised(word) ? (LAST_LETTERS.exec(word)?.groups?.['signs'] ?? null) : null;
  }
}

/** An initial alone begins no name, but may stand within one. */
function isCapitalised(word: string): boolean {
  return CAPITAL.test(word) && !INITIAL.test(word);
}
