import { RE2JS } from 're2js';

/** The instructions of RE2's compiled programs, by the numbers that `re2js` gives them. */
export const OP = {
  alt: 1,
  altMatch: 2,
  capture: 3,
  emptyWidth: 4,
  fail: 5,
  match: 6,
  nop: 7,
  rune: 8,
  rune1: 9,
  runeAny: 10,
  runeAnyNotNewline: 11,
} as const;

const KNOWN_OPS: ReadonlySet<number> = new Set(Object.values(OP));

/** Of a table of first characters, the place of all that are not ASCII. */
const NOT_ASCII = 128;
export const FIRST_SIZE = NOT_ASCII + 1;

interface Instruction {
  readonly op: number;
  readonly out: number;
  readonly arg: number;
  matchRune(rune: number): boolean;
}

/**
 * A compiled expression whose instructions can be followed one character at a time, which `re2js` itself offers only over
 * whole texts. Its parser and compiler are used as they are, so that an expression means here what it means there.
 */
export class ExpressionProgram {
  readonly start: number;
  readonly size: number;
  readonly #instructions: readonly Instruction[];
  /** By character: whether a match can begin with it. The last place is that of all that are not ASCII. */
  readonly first = new Uint8Array(FIRST_SIZE);

  /** @throws RE2JSSyntaxException where this is no expression of RE2 */
  constructor(regex: string) {
    const { inst, start } = programOf(RE2JS.compile(regex));
    this.#instructions = inst;
    this.start = start;
    this.size = inst.length;
    this.#findFirst(start, new Set());
  }

  op(pc: number): number {
    return this.#at(pc).op;
  }

  out(pc: number): number {
    return this.#at(pc).out;
  }

  arg(pc: number): number {
    return this.#at(pc).arg;
  }

  /** Whether an instruction that reads a character takes this one. */
  takes(pc: number, rune: number): boolean {
    const instruction = this.#at(pc);
    switch (instruction.op) {
      case OP.runeAny:
        return true;
      case OP.runeAnyNotNewline:
        return rune !== 0x0a;
      default:
        return instruction.matchRune(rune);
    }
  }

  /** Whether a match can begin with a character; false is certain. */
  mayBegin(character: number): boolean {
    return isIn(this.first, character);
  }

  #at(pc: number): Instruction {
    const instruction = this.#instructions[pc];
    if (instruction === undefined) throw new RangeError('no such instruction');
    return instruction;
  }

  #findFirst(start: number, seen: Set<number>): void {
    const waiting = [start];
    for (let pc = waiting.pop(); pc !== undefined; pc = waiting.pop()) {
      if (seen.has(pc)) continue;
      seen.add(pc);
      const { op, out, arg } = this.#at(pc);
      if (op === OP.alt || op === OP.altMatch) waiting.push(out, arg);
      else if (op === OP.emptyWidth || op === OP.capture || op === OP.nop) waiting.push(out);
      // A match of nothing hides others that begin at the same place, so it has to be looked for everywhere.
      else if (op === OP.match) this.first.fill(1);
      else if (op !== OP.fail) {
        for (let code = 0; code < NOT_ASCII; code += 1) if (this.takes(pc, code)) this.first[code] = 1;
        this.first[NOT_ASCII] = 1;
      }
    }
  }
}

/** Whether a character is in a table of first ones. */
export function isIn(first: Uint8Array, character: number): boolean {
  return first[Math.min(character, NOT_ASCII)] === 1;
}

/** The boundary to the library's own structures: checked here, so that another version of it fails at the start. */
function programOf(engine: RE2JS): { inst: readonly Instruction[]; start: number } {
  const program: unknown = engine.re2().prog;
  if (typeof program === 'object' && program !== null && 'inst' in program && 'start' in program) {
    const { inst, start } = program;
    if (typeof start === 'number' && Array.isArray(inst) && inst.every(isInstruction)) return { inst, start };
  }
  throw new TypeError('re2js compiles expressions to something else than it used to');
}

function isInstruction(value: unknown): value is Instruction {
  return (
    typeof value === 'object' &&
    value !== null &&
    'op' in value &&
    KNOWN_OPS.has(Number(value.op)) &&
    'out' in value &&
    typeof value.out === 'number' &&
    'arg' in value &&
    typeof value.arg === 'number' &&
    'matchRune' in value &&
    typeof value.matchRune === 'function'
  );
}
