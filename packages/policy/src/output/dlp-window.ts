import type { DlpExpression, DlpFilterSettings } from '../configuration/policies/policy-settings.ts';
import { labelOf } from '../dlp-filter/dlp-filter.ts';
import type { Redactions, Span } from '../texts/redactions.ts';
import { ExpressionProgram, FIRST_SIZE, isIn } from './expression-program.ts';
import { ExpressionSearch, type SearchedText } from './expression-search.ts';
import type { OutputVerdict } from './output-verdict.ts';
import type { TextStage } from './text-stage.ts';
import { MAX_MATCH_CHARS, releasable, rewritten } from './window.ts';

/**
 * How many characters of one text may be read again because a match was known only after some way beyond its end. Beyond that,
 * what would be redacted is blocked: what is not found can't be taken out. A tenth of a second at the very worst.
 */
const MAX_SEARCHED_AGAIN_CHARS = 1024 * 1024;

interface Compiled {
  readonly expression: DlpExpression;
  readonly program: ExpressionProgram;
  readonly label: string;
}

/** The expressions of a `dlp-filter`, ready to be looked for in answers; made once for each version of the configuration. */
export interface CompiledExpressions {
  readonly all: readonly Compiled[];
  /** The characters with which any of them can begin. */
  readonly first: Uint8Array;
}

export function compileExpressions({
  expressions,
}: Pick<DlpFilterSettings, 'expressions'>): CompiledExpressions {
  const all = expressions.map((expression) => ({
    expression,
    program: new ExpressionProgram(expression.regex),
    label: labelOf(expression),
  }));
  const first = new Uint8Array(FIRST_SIZE).map((_, at) =>
    all.some(({ program }) => program.first[at] === 1) ? 1 : 0,
  );
  return { all, first };
}

/**
 * Looks for the customer's own expressions in a text that comes in pieces. Held back is what lies behind the beginning of
 * anything that one of them may still make a match of; those that only flag hold back nothing.
 */
export class DlpWindow implements TextStage, SearchedText {
  readonly #watched: readonly { readonly compiled: Compiled; readonly search: ExpressionSearch }[];
  readonly #first: Uint8Array;
  readonly #redactions: Redactions;
  readonly #verdict: OutputVerdict;
  readonly #next: TextStage;
  /** What is not passed on yet, and the characters before it that an expression may ask for. */
  #text = '';
  /** The place of the first character of `#text`. */
  #offset = 0;
  #passed = 0;
  #read = 0;
  #ended = false;
  /** Whether nothing read so far may become a match. */
  #isIdle = true;
  /** Found, to be redacted and not passed on yet. */
  #spans: Span[] = [];

  constructor(
    expressions: CompiledExpressions,
    redactions: Redactions,
    verdict: OutputVerdict,
    next: TextStage,
    maxMatchChars = MAX_MATCH_CHARS,
  ) {
    this.#first = expressions.first;
    this.#watched = expressions.all.map((compiled) => ({
      compiled,
      search: new ExpressionSearch(compiled.program, maxMatchChars),
    }));
    this.#redactions = redactions;
    this.#verdict = verdict;
    this.#next = next;
  }

  push(piece: string): void {
    this.#text += piece;
    this.#readOn();
  }

  end(): void {
    this.#ended = true;
    this.#readOn();
    if (this.#verdict.blocked !== null) return;
    this.#look(this.#read, -1);
    if (this.#verdict.blocked !== null) return;
    this.#pass(this.#read);
    this.#next.end();
  }

  characterAt(place: number): number {
    return this.#text.codePointAt(place - this.#offset) ?? -1;
  }

  characterBefore(place: number): number {
    const at = place - this.#offset;
    if (at <= 0) return -1;
    const unit = this.#text.charCodeAt(at - 1);
    const isSecond = unit >= 0xdc00 && unit <= 0xdfff && at > 1;
    const both = isSecond ? (this.#text.codePointAt(at - 2) ?? unit) : unit;
    return both > 0xffff ? both : unit;
  }

  #readOn(): void {
    const end = this.#offset + this.#text.length;
    while (this.#read < end && this.#verdict.blocked === null) {
      const unit = this.#text.charCodeAt(this.#read - this.#offset);
      if (this.#isIdle && !isIn(this.#first, unit)) {
        this.#read += 1;
        continue;
      }
      let character = unit;
      if (unit >= 0xd800 && unit <= 0xdbff) {
        // The other half may come with the next piece.
        if (this.#read + 1 === end && !this.#ended) break;
        character = this.characterAt(this.#read);
      }
      this.#look(this.#read, character);
      this.#read += character > 0xffff ? 2 : 1;
      this.#isIdle = this.#areIdle();
    }
    if (this.#verdict.blocked === null) this.#pass(this.#release());
  }

  /** Shows a character, or the end, to each expression. */
  #look(place: number, character: number): void {
    for (const { compiled, search } of this.#watched) {
      if (search.isIdle && (character < 0 || !compiled.program.mayBegin(character))) continue;
      const { name, action } = compiled.expression;
      let settled = search.step(this, place, character);
      for (;;) {
        const { foundStart: start, foundEnd: end } = search;
        const isThere = settled && end > start;
        if (action === 'block' && (isThere || search.seenStart >= 0)) {
          this.#block(name, isThere ? start : search.seenStart);
          return;
        }
        if (!settled) break;
        if (isThere) this.#found(compiled, start, end);
        if (this.#verdict.blocked !== null) return;
        settled = this.#again(search, place, character);
      }
      if (search.searchedAgain > MAX_SEARCHED_AGAIN_CHARS && action === 'redact') {
        this.#block(name, Number.isFinite(search.hold) ? search.hold : place);
        return;
      }
    }
  }

  /** Reads again from a match's end up to where it was settled. True where that settles another one. */
  #again(search: ExpressionSearch, place: number, character: number): boolean {
    let at = search.resume();
    if (search.searchedAgain > MAX_SEARCHED_AGAIN_CHARS) at = Math.max(at, place);
    while (at <= place) {
      const one = at === place ? character : this.characterAt(at);
      search.searchedAgain += 1;
      if (search.step(this, at, one)) return true;
      at += one > 0xffff ? 2 : 1;
    }
    return false;
  }

  #found({ expression, label }: Compiled, start: number, end: number): void {
    if (expression.action === 'redact') {
      this.#spans.push({ start, end, label });
      this.#spans.sort((one, other) => one.start - other.start);
    }
    this.#pass(this.#release());
    if (this.#verdict.blocked === null) this.#verdict.count('dlp-filter', expression.name, expression.action);
  }

  #block(rule: string, start: number): void {
    this.#pass(releasable(this.#spans, Math.min(start, this.#release())));
    if (this.#verdict.blocked === null) this.#verdict.block('dlp-filter', rule);
  }

  #areIdle(): boolean {
    for (const { search } of this.#watched) if (!search.isIdle) return false;
    return true;
  }

  /** Up to where the text may go on. */
  #release(): number {
    let place = this.#read;
    for (const { compiled, search } of this.#watched) {
      if (compiled.expression.action !== 'flag') place = Math.min(place, search.hold);
    }
    return releasable(this.#spans, place);
  }

  #pass(to: number): void {
    if (to > this.#passed) {
      const from = this.#passed;
      const ready = this.#spans.filter(({ end }) => end <= to);
      const text = this.#text.slice(from - this.#offset, to - this.#offset);
      this.#spans = this.#spans.filter(({ end }) => end > to);
      this.#passed = to;
      this.#next.push(
        ready.length === 0
          ? text
          : rewritten(text, from, ready, (label, value) => this.#redactions.inAnswer(label, value)),
      );
    }
    this.#forget();
  }

  /** Lets go of what nobody can ask for any more: all but the two units before what may still be read again. */
  #forget(): void {
    let needed = Math.min(this.#passed, this.#read);
    for (const { search } of this.#watched) needed = Math.min(needed, search.hold);
    const surplus = needed - 2 - this.#offset;
    if (surplus <= 0) return;
    this.#text = this.#text.slice(surplus);
    this.#offset += surplus;
  }
}
