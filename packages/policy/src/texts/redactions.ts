/** A place in a text that a rule found, in UTF-16 units, the end not included. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** What the placeholder is called, in capitals, digits and underscores. */
  readonly label: string;
}

const PLACEHOLDER = /<[A-Z][A-Z0-9_]*_[1-9][0-9]*>/g;

/** The most values of answers whose placeholders are remembered. */
const MAX_IN_ANSWER = 8_192;

/**
 * The placeholders of one request, such as `<EMAIL_1>`: the same text has the same one throughout the request. What they stand
 * for is kept here, in memory, and is gone with the request; it is in no finding, event or log.
 */
export class Redactions {
  readonly #placeholders = new Map<string, string>();
  readonly #originals = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  readonly #ours = new Set<string>();
  #longest = 0;
  #inAnswer = 0;
  #texts: readonly string[];
  #taken: ReadonlySet<string> | null = null;

  /** @param texts of the request: what looks like a placeholder in them is none of ours */
  constructor(texts: readonly string[] = []) {
    this.#texts = texts;
  }

  get size(): number {
    return this.#placeholders.size;
  }

  /** Whether {@link restore} has anything to give back. */
  get isRestorable(): boolean {
    return this.#originals.size > 0;
  }

  /** The longest placeholder that can be restored, in UTF-16 units: what a stream has to hold back for that. */
  get longest(): number {
    return this.#longest;
  }

  /**
   * The text with placeholders in the places of its spans. Spans that overlap become one, with the label of the first;
   * a span that cuts a placeholder takes all of it.
   *
   * @param restorable whether {@link restore} gives back what these stand for
   */
  redact(text: string, spans: readonly Span[], restorable: boolean): string {
    if (spans.length === 0) return text;
    let result = '';
    let done = 0;
    for (const { start, end, label } of withoutOverlaps(this.#widened(text, spans))) {
      result += text.slice(done, start) + this.#placeholderFor(label, text.slice(start, end), restorable);
      done = end;
    }
    return result + text.slice(done);
  }

  /** The text with every restorable placeholder replaced by what it stands for. */
  restore(text: string): string {
    if (this.#originals.size === 0 || !text.includes('<')) return text;
    return text.replace(PLACEHOLDER, (placeholder) => {
      const original = this.#originals.get(placeholder);
      // What a later policy redacted may hold the placeholders of an earlier one.
      return original === undefined ? placeholder : this.restore(original);
    });
  }

  /**
   * What stands for a value in an answer: the same as in the request. An answer may go on for long, so only so many of its
   * values are remembered; further ones have a new placeholder each time.
   */
  inAnswer(label: string, value: string): string {
    const known = this.#placeholders.get(keyOf(label, value));
    if (known !== undefined) return known;
    this.#inAnswer += 1;
    return this.#inAnswer > MAX_IN_ANSWER ? this.#next(label) : this.#placeholderFor(label, value, false);
  }

  #placeholderFor(label: string, value: string, restorable: boolean): string {
    const key = keyOf(label, value);
    let placeholder = this.#placeholders.get(key);
    if (placeholder === undefined) {
      placeholder = this.#next(label);
      this.#placeholders.set(key, placeholder);
      this.#ours.add(placeholder);
    }
    if (restorable) {
      this.#originals.set(placeholder, value);
      this.#longest = Math.max(this.#longest, placeholder.length);
    }
    return placeholder;
  }

  #next(label: string): string {
    let count = this.#counts.get(label) ?? 0;
    let placeholder: string;
    do {
      count += 1;
      placeholder = `<${label}_${count}>`;
    } while (this.#isTaken(placeholder));
    this.#counts.set(label, count);
    return placeholder;
  }

  #widened(text: string, spans: readonly Span[]): readonly Span[] {
    if (this.size === 0 || !text.includes('<')) return spans;
    const places = [...text.matchAll(PLACEHOLDER)]
      .filter(([placeholder]) => this.#ours.has(placeholder))
      .map(({ index, 0: { length } }) => ({ start: index, end: index + length }));
    if (places.length === 0) return spans;
    const sorted = spans.toSorted((one, other) => one.start - other.start);
    let first = 0;
    return sorted.map(({ start, end, label }) => {
      while ((places[first]?.end ?? Number.POSITIVE_INFINITY) <= start) first += 1;
      let widened = end;
      for (let index = first; (places[index]?.start ?? Number.POSITIVE_INFINITY) < end; index += 1) {
        widened = Math.max(widened, places[index]?.end ?? 0);
      }
      const cut = places[first];
      const begin = cut !== undefined && cut.start < end ? Math.min(start, cut.start) : start;
      return { start: begin, end: widened, label };
    });
  }

  #isTaken(placeholder: string): boolean {
    this.#taken ??= new Set(
      this.#texts.flatMap((text) => (text.includes('<') ? (text.match(PLACEHOLDER) ?? []) : [])),
    );
    // An answer may go on for long after the request is gone.
    this.#texts = [];
    return this.#taken.has(placeholder);
  }
}

function keyOf(label: string, value: string): string {
  return `${label} ${value}`;
}

/** Spans in their order; those that overlap are one, with the label of the first. */
export function withoutOverlaps(spans: readonly Span[]): readonly Span[] {
  if (isInOrder(spans)) return spans;
  const sorted = spans.toSorted((one, other) => one.start - other.start || other.end - one.end);
  const result: Span[] = [];
  for (const span of sorted) {
    const last = result.at(-1);
    if (last === undefined || span.start >= last.end) result.push(span);
    else if (span.end > last.end) result[result.length - 1] = { ...last, end: span.end };
  }
  return result;
}

function isInOrder(spans: readonly Span[]): boolean {
  let end = 0;
  for (const span of spans) {
    if (span.start < end) return false;
    end = span.end;
  }
  return true;
}
