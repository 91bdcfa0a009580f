import type { OutputGuard, PiecewiseText } from '@tollgate/policy';

/** The most texts of one answer, such as those of all its choices and tool calls, that are on their way at once. */
const MAX_TEXTS = 1024;

/** `content`: JSON where the request asked for an answer in it, else prose. */
export type TextKind = 'prose' | 'content' | 'json';

/** Where a text stands in an answer. */
export interface PlacedText {
  readonly kind: TextKind;
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

/** The texts of one answer, each from its first piece to its end, by the names that their protocol gives them. */
export class AnswerTexts<Origin> {
  readonly guard: OutputGuard;
  /** Whether the content is JSON, as the request asked for. */
  readonly #jsonContent: boolean;
  readonly #open = new Map<string, { readonly text: PiecewiseText; readonly origin: Origin }>();

  constructor(guard: OutputGuard, jsonContent: boolean) {
    this.guard = guard;
    this.#jsonContent = jsonContent;
  }

  /** Whether more texts are open than anybody asks for. */
  get isOverfull(): boolean {
    return this.#open.size > MAX_TEXTS;
  }

  /**
   * Takes the next piece of a text; gives what may go out of it by now.
   *
   * @param origin what the caller of this needs to write the rest of it, once it ends
   */
  push(name: string, kind: TextKind, piece: string, origin: Origin): string {
    let open = this.#open.get(name);
    if (open === undefined) {
      const isJson = kind === 'json' || (kind === 'content' && this.#jsonContent);
      open = { text: isJson ? this.guard.beginJson() : this.guard.begin(), origin };
      this.#open.set(name, open);
    }
    return open.text.push(piece);
  }

  /** Ends a text; gives what was held back of it. */
  end(name: string): string {
    const open = this.#open.get(name);
    this.#open.delete(name);
    return open?.text.end() ?? '';
  }

  has(name: string): boolean {
    return this.#open.has(name);
  }

  /** Ends every text whose name begins so, in the order they began; gives those of which something was held back. */
  endAll(prefix: string): { readonly origin: Origin; readonly rest: string }[] {
    const rests: { origin: Origin; rest: string }[] = [];
    for (const [name, { text, origin }] of this.#open) {
      if (!name.startsWith(prefix)) continue;
      this.#open.delete(name);
      const rest = text.end();
      if (rest !== '') rests.push({ origin, rest });
      if (this.guard.blocked !== null) break;
    }
    return rests;
  }

  /** A whole text. */
  whole(kind: TextKind, text: string): string {
    if (text === '') return text;
    const isJson = kind === 'json' || (kind === 'content' && this.#jsonContent);
    const window = isJson ? this.guard.beginJson() : this.guard.begin();
    return window.push(text) + window.end();
  }
}
