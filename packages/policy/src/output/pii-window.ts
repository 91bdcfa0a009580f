import type { PiiDetectorSettings } from '../configuration/policies/policy-settings.ts';
import { ENTITY_OF, type PiiFinder } from '../pii-detector/pii-detector.ts';
import type { Redactions, Span } from '../texts/redactions.ts';
import type { OutputVerdict } from './output-verdict.ts';
import { characterKind, isTelling, Run } from './pii-runs.ts';
import type { TextStage } from './text-stage.ts';
import { MAX_MATCH_CHARS, rewritten } from './window.ts';

/** How far before a finding its finder looks for what it means: two words, or a cue such as `phone`. */
const CONTEXT_CHARS = 128;

/** The longest finding of those that have a bound of their own: an e-mail address (RFC 5321). */
const MAX_FINDING_CHARS = 320;

/** How far back a word reaches that has nothing telling in it: the local part of an address. */
const MAX_PLAIN_CHARS = 64;

/**
 * Looks for what tells of people in a text that comes in pieces. The text falls into runs of words that may belong to the same
 * finding; a run is looked at, with what stands before it, as soon as the word after it is there, and is passed on. Words
 * without anything telling pass on as soon as they end.
 *
 * A run of more than `MAX_MATCH_CHARS` is looked at in parts, which overlap by the longest address.
 */
export class PiiWindow implements TextStage {
  readonly #action: PiiDetectorSettings['action'];
  readonly #find: PiiFinder;
  readonly #redactions: Redactions;
  readonly #verdict: OutputVerdict;
  readonly #next: TextStage;
  /** What is not passed on or not decided on yet, and its context. */
  #text = '';
  /** The place of the first character of `#text`; all places are counted from the beginning of the whole text. */
  #offset = 0;
  #passed = 0;
  #read = 0;
  /** The run that waits for what comes after it; null: there is none. */
  #run: Run | null = null;
  #runStart = 0;
  #runEnd = 0;
  /** Whether one space, and nothing else, stands behind the run so far. */
  #isOneSpace = false;
  /** Where the word began that is being read; -1: none is. */
  #wordStart = -1;
  #isWordTelling = false;
  /** Runs that are complete and still to be looked at, all at once; -1: none. */
  #dueStart = -1;
  #dueEnd = 0;
  #dueSeen = 0;
  /** The end of the last finding. */
  #foundTo = 0;

  constructor(
    settings: PiiDetectorSettings,
    find: PiiFinder,
    redactions: Redactions,
    verdict: OutputVerdict,
    next: TextStage,
  ) {
    this.#action = settings.action;
    this.#find = find;
    this.#redactions = redactions;
    this.#verdict = verdict;
    this.#next = next;
  }

  push(piece: string): void {
    this.#text += piece;
    const end = this.#offset + this.#text.length;
    while (this.#read < end && this.#verdict.blocked === null) this.#readOne();
    if (this.#verdict.blocked === null) this.#lookAtDue();
    if (this.#verdict.blocked !== null) return;
    this.#pass(this.#action === 'flag' ? this.#read : this.#held());
    this.#forget();
  }

  end(): void {
    if (this.#wordStart >= 0) this.#wordEnds(this.#read);
    if (this.#verdict.blocked === null && this.#run !== null) this.#decide(this.#read);
    if (this.#verdict.blocked === null) this.#lookAtDue();
    if (this.#verdict.blocked !== null) return;
    this.#pass(this.#read);
    this.#next.end();
  }

  /** Where what is not decided on begins. */
  #held(): number {
    if (this.#run !== null) return this.#runStart;
    return this.#wordStart >= 0 ? this.#wordStart : this.#read;
  }

  #readOne(): void {
    const place = this.#read;
    const index = place - this.#offset;
    const code = this.#text.charCodeAt(index);
    const kind = characterKind(code, this.#text, index);
    this.#read += 1;
    if (kind === 'word') {
      if (this.#wordStart < 0) {
        this.#wordStart = place;
        this.#isWordTelling = false;
      }
      this.#isWordTelling ||= isTelling(code, this.#text, index);
      this.#boundWord();
    } else if (this.#wordStart >= 0) {
      this.#wordEnds(place);
      if (this.#verdict.blocked !== null || this.#run === null) return;
      this.#isOneSpace = kind === 'space';
      if (kind === 'break' || !this.#run.isTelling) this.#decide(this.#read);
    } else if (this.#run !== null) this.#decide(this.#read);
  }

  /** A word ended: it joins the run that waits, or is the word that this waited for and begins the next one. */
  #wordEnds(end: number): void {
    const start = this.#wordStart;
    const word = this.#slice(start, end);
    this.#wordStart = -1;
    if (this.#run !== null) {
      if (this.#isOneSpace && this.#run.join(word, this.#isWordTelling)) {
        this.#runEnd = end;
        return;
      }
      this.#decide(this.#read);
      if (this.#verdict.blocked !== null) return;
    }
    this.#run = new Run(word, this.#isWordTelling);
    this.#runStart = start;
    this.#runEnd = end;
  }

  /** Keeps what is held back within bounds while a word goes on. */
  #boundWord(): void {
    if (this.#run === null && !this.#isWordTelling) {
      this.#wordStart = Math.max(this.#wordStart, this.#read - MAX_PLAIN_CHARS);
      return;
    }
    const held = this.#held();
    if (this.#read - held < MAX_MATCH_CHARS) return;
    this.#lookAtDue();
    if (this.#verdict.blocked !== null) return;
    const spans = this.#spans(held, this.#read);
    let part = this.#read - MAX_FINDING_CHARS;
    for (const { start, end } of spans) if (start < part && end > part) part = start > held ? start : end;
    this.#settle(spans, part);
    if (this.#verdict.blocked !== null) return;
    this.#run = null;
    this.#wordStart = -1;
    this.#read = part;
  }

  /**
   * The run is complete, in the light of the text up to `seen`. Runs of one piece are looked at together, for a finder costs
   * less that way; but where text passes on before it is looked at, a finding has its place among what follows.
   */
  #decide(seen: number): void {
    const run = this.#run;
    this.#run = null;
    if (run?.isTelling !== true) return;
    if (this.#dueStart < 0) this.#dueStart = this.#runStart;
    this.#dueEnd = this.#runEnd;
    this.#dueSeen = seen;
    if (this.#action === 'flag' || seen - this.#dueStart >= MAX_MATCH_CHARS) this.#lookAtDue();
  }

  #lookAtDue(): void {
    const start = this.#dueStart;
    if (start < 0) return;
    this.#dueStart = -1;
    const spans = this.#spans(start, this.#dueSeen).filter((span) => span.start < this.#dueEnd);
    this.#settle(spans, Math.max(this.#dueEnd, spans.at(-1)?.end ?? 0));
  }

  /** What begins at or behind a place, as the text up to another one has it. */
  #spans(from: number, seen: number): Span[] {
    const context = Math.max(this.#offset, from - CONTEXT_CHARS);
    return this.#find(this.#slice(context, seen))
      .map(({ start, end, label }) => ({ start: start + context, end: end + context, label }))
      .filter(({ start }) => start >= from && start >= this.#foundTo);
  }

  /** Acts on what was found up to a place, and passes on the text up to there. */
  #settle(spans: readonly Span[], to: number): void {
    for (const span of spans) {
      if (span.start >= to) break;
      const rule = ENTITY_OF.get(span.label) ?? span.label;
      this.#pass(this.#action === 'flag' ? this.#read : span.start);
      if (this.#verdict.blocked !== null) return;
      if (this.#action === 'block') {
        this.#verdict.block('pii-detector', rule);
        return;
      }
      this.#foundTo = span.end;
      this.#verdict.count('pii-detector', rule, this.#action);
      if (this.#action === 'redact') this.#replace(span);
      if (this.#verdict.blocked !== null) return;
    }
    if (this.#action !== 'flag') this.#pass(to);
  }

  #replace(span: Span): void {
    const value = this.#slice(span.start, span.end);
    this.#passed = span.end;
    this.#next.push(
      rewritten(value, span.start, [span], (label, text) => this.#redactions.inAnswer(label, text)),
    );
  }

  #pass(to: number): void {
    if (to <= this.#passed) return;
    const text = this.#slice(this.#passed, to);
    this.#passed = to;
    this.#next.push(text);
  }

  #slice(from: number, to: number): string {
    return this.#text.slice(from - this.#offset, to - this.#offset);
  }

  #forget(): void {
    const surplus = Math.min(this.#held(), this.#passed) - CONTEXT_CHARS - this.#offset;
    if (surplus <= 0) return;
    this.#text = this.#text.slice(surplus);
    this.#offset += surplus;
  }
}
