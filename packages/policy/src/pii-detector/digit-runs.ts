const DIGIT = /[0-9]/g;

/** Runs of digits in a text, by their places: what every detector of numbers begins with. */
export class DigitRuns {
  readonly starts: number[] = [];
  readonly ends: number[] = [];

  /** Reads a text once; the engine's search for the next digit is faster than a loop over what is between. */
  constructor(text: string) {
    const { length } = text;
    DIGIT.lastIndex = 0;
    while (DIGIT.test(text)) {
      const start = DIGIT.lastIndex - 1;
      let index = start + 1;
      while (index < length && isDigit(text.charCodeAt(index))) index += 1;
      this.starts.push(start);
      this.ends.push(index);
      DIGIT.lastIndex = index;
    }
  }

  get count(): number {
    return this.starts.length;
  }

  start(run: number): number {
    return this.starts[run] ?? 0;
  }

  end(run: number): number {
    return this.ends[run] ?? 0;
  }

  size(run: number): number {
    return this.end(run) - this.start(run);
  }
}

/** The digits 0 to 9. */
export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** A character that makes a longer word of what stands beside it. */
export function isWord(code: number): boolean {
  return (
    isDigit(code) ||
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    code === 0x5f ||
    (code >= 0xc0 && code < 0x2000)
  );
}
