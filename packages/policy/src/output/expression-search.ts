import { type ExpressionProgram, OP } from './expression-program.ts';

/** What stands before a text, and behind it. */
const NOTHING = -1;

const BEGIN_LINE = 1;
const END_LINE = 2;
const BEGIN_TEXT = 4;
const END_TEXT = 8;
const WORD_BOUNDARY = 16;
const NO_WORD_BOUNDARY = 32;

/** The text that is searched, by places counted from its beginning; only what is still held back can be asked for. */
export interface SearchedText {
  /** The character that begins at a place; -1 at the end of the text. */
  characterAt(place: number): number;
  /** The one that ends there; -1 at the beginning. */
  characterBefore(place: number): number;
}

/** One of the ways in which the text so far may go on to be a match. */
class Thread {
  pc = 0;
  /** Where it began; where ways meet, the earliest. */
  start = 0;
  /** The latest beginning of those that met here: what is left when the earliest has become too long. */
  latest = 0;
}

/**
 * Follows one expression through a text, a character at a time, and finds the matches that RE2 finds in the whole: from each
 * match's end on the leftmost one, and of those that begin there the one that a backtracking search would prefer. At any
 * time it knows where the earliest beginning lies of what may still become a match.
 *
 * No match is longer than `maxChars`: a longer one ends there, and what has become too long without being a match makes place
 * for what began later. The time per character depends on the expression alone, but for {@link searchedAgain}.
 */
export class ExpressionSearch {
  /** Characters read more than once, since a match was known only after some way beyond its end. */
  searchedAgain = 0;
  /** The match found by the last {@link step}; `foundEnd` is -1 where there is none. */
  foundStart = -1;
  foundEnd = -1;

  readonly #program: ExpressionProgram;
  readonly #maxChars: number;
  #threads: Thread[] = [];
  #count = 0;
  #next: Thread[] = [];
  #nextCount = 0;
  /** Instructions reached at a place, in the order of preference. */
  readonly #reached: Int32Array;
  #reachedCount = 0;
  readonly #startOf: Int32Array;
  readonly #latestOf: Int32Array;
  /** By instruction: in which round it was last reached, and last given a latest beginning. */
  readonly #rounds: Int32Array;
  readonly #latestRounds: Int32Array;
  #round = 0;
  readonly #stack: number[] = [];
  /** The best match so far, while better ones are possible; -1: none. */
  #bestStart = -1;
  #bestEnd = -1;
  /** From where on the text has to be read again after a match was settled; -1: not at all. */
  #resume = -1;

  constructor(program: ExpressionProgram, maxChars: number) {
    this.#program = program;
    this.#maxChars = maxChars;
    this.#reached = new Int32Array(program.size);
    this.#startOf = new Int32Array(program.size);
    this.#latestOf = new Int32Array(program.size);
    this.#rounds = new Int32Array(program.size);
    this.#latestRounds = new Int32Array(program.size);
  }

  /** Whether nothing so far may become a match, so that characters which can't begin one need not be shown to it. */
  get isIdle(): boolean {
    return this.#count === 0 && this.#bestEnd < 0;
  }

  /** Where the earliest beginning lies of what may still become a match; infinity: nowhere. */
  get hold(): number {
    let least = this.#bestEnd < 0 ? Number.POSITIVE_INFINITY : this.#bestStart;
    if (this.#resume >= 0) least = this.#resume;
    for (let index = 0; index < this.#count; index += 1) {
      least = Math.min(least, this.#threads[index]?.start ?? least);
    }
    return least;
  }

  /** Where a match begins that is there already, however it ends; -1: none. */
  get seenStart(): number {
    return this.#bestEnd > this.#bestStart ? this.#bestStart : -1;
  }

  /** Reads the character at a place, or the end. True where that settles a match: {@link foundStart}, {@link foundEnd}. */
  step(text: SearchedText, place: number, character: number): boolean {
    const flags = flagsBetween(text.characterBefore(place), character);
    this.#follow(place, flags);
    this.#read(place, character);
    if (this.#bestEnd < 0 || this.#count > 0) return false;
    this.foundStart = this.#bestStart;
    this.foundEnd = this.#bestEnd;
    this.#resume = Math.max(this.#bestEnd, this.#bestStart + 1);
    this.#bestStart = -1;
    this.#bestEnd = -1;
    return true;
  }

  /** Where the text has to be read again from, as nothing was looked for while the match was unsettled. */
  resume(): number {
    const place = this.#resume;
    this.#resume = -1;
    return place;
  }

  /** What can be reached from where the threads are without reading a character. */
  #follow(place: number, flags: number): void {
    this.#round += 1;
    this.#reachedCount = 0;
    const begins = this.#bestEnd < 0;
    for (let index = 0; index < this.#count; index += 1) {
      const thread = this.#threads[index];
      if (thread !== undefined) this.#reach(thread.pc, thread.start, flags);
    }
    if (begins) this.#reach(this.#program.start, place, flags);
    // The latest beginnings only matter where something began before.
    if (this.#count === 0) return;
    if (begins) this.#reachLatest(this.#program.start, place, flags);
    for (let index = this.#count - 1; index >= 0; index -= 1) {
      const thread = this.#threads[index];
      if (thread !== undefined) this.#reachLatest(thread.pc, thread.latest, flags);
    }
  }

  #reach(from: number, start: number, flags: number): void {
    const program = this.#program;
    const stack = this.#stack;
    stack.push(from);
    for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
      if (this.#rounds[pc] === this.#round) continue;
      this.#rounds[pc] = this.#round;
      const op = program.op(pc);
      if (op >= OP.rune || op === OP.match) {
        this.#reached[this.#reachedCount] = pc;
        this.#reachedCount += 1;
        this.#startOf[pc] = start;
        this.#latestOf[pc] = start;
      } else this.#branch(pc, op, flags);
    }
  }

  #reachLatest(from: number, latest: number, flags: number): void {
    const program = this.#program;
    const stack = this.#stack;
    stack.push(from);
    for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
      if (this.#latestRounds[pc] === this.#round && (this.#latestOf[pc] ?? 0) >= latest) continue;
      this.#latestRounds[pc] = this.#round;
      this.#latestOf[pc] = latest;
      const op = program.op(pc);
      if (op < OP.rune && op !== OP.match) this.#branch(pc, op, flags);
    }
  }

  /** Puts what an instruction leads to on the stack, the preferred one on top. */
  #branch(pc: number, op: number, flags: number): void {
    const program = this.#program;
    if (op === OP.alt || op === OP.altMatch) this.#stack.push(program.arg(pc), program.out(pc));
    else if (op === OP.emptyWidth) {
      if ((program.arg(pc) & ~flags) === 0) this.#stack.push(program.out(pc));
    } else if (op !== OP.fail) this.#stack.push(program.out(pc));
  }

  #read(place: number, character: number): void {
    const program = this.#program;
    const after = place + (character > 0xffff ? 2 : 1);
    this.#nextCount = 0;
    for (let index = 0; index < this.#reachedCount; index += 1) {
      const pc = this.#reached[index] ?? 0;
      const start = this.#startOf[pc] ?? 0;
      if (program.op(pc) === OP.match) {
        // Whatever is less preferred is out, and so is whatever would begin later.
        this.#bestStart = start;
        this.#bestEnd = place;
        this.#keepUpTo(start);
        break;
      }
      if (character === NOTHING || !program.takes(pc, character)) continue;
      if (after - start <= this.#maxChars) this.#add(program.out(pc), start, this.#latestOf[pc] ?? start);
      else if (this.#bestEnd < 0) {
        const latest = this.#latestOf[pc] ?? start;
        if (after - latest <= this.#maxChars) this.#add(program.out(pc), latest, latest);
      }
    }
    const threads = this.#threads;
    this.#threads = this.#next;
    this.#count = this.#nextCount;
    this.#next = threads;
  }

  /** Lets go of what had to begin later, since it had become too long: the match that began before it goes first. */
  #keepUpTo(start: number): void {
    const next = this.#next;
    let kept = 0;
    for (let index = 0; index < this.#nextCount; index += 1) {
      const thread = next[index];
      const place = next[kept];
      if (thread === undefined || place === undefined || thread.start > start) continue;
      next[index] = place;
      next[kept] = thread;
      kept += 1;
    }
    this.#nextCount = kept;
  }

  #add(pc: number, start: number, latest: number): void {
    let thread = this.#next[this.#nextCount];
    if (thread === undefined) {
      thread = new Thread();
      this.#next.push(thread);
    }
    thread.pc = pc;
    thread.start = start;
    thread.latest = latest;
    this.#nextCount += 1;
  }
}

/** What holds between two characters; words are of ASCII, as everywhere in RE2. */
function flagsBetween(before: number, after: number): number {
  let flags = isWord(before) === isWord(after) ? NO_WORD_BOUNDARY : WORD_BOUNDARY;
  if (before === NOTHING) flags |= BEGIN_TEXT | BEGIN_LINE;
  else if (before === 0x0a) flags |= BEGIN_LINE;
  if (after === NOTHING) flags |= END_TEXT | END_LINE;
  else if (after === 0x0a) flags |= END_LINE;
  return flags;
}

function isWord(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    code === 0x5f ||
    (code >= 0x61 && code <= 0x7a)
  );
}
