import type { Redactions } from '../texts/redactions.ts';
import type { TextStage } from './text-stage.ts';

/** The beginning of something that may become a placeholder, at the end of a text. */
const BEGUN = /<[A-Z0-9_]*$/;

/** Puts back, for the caller, what placeholders of its request stand for; holds back what may become one. */
export class RestoreWindow implements TextStage {
  readonly #redactions: Redactions;
  readonly #longest: number;
  readonly #next: TextStage;
  #held = '';

  constructor(redactions: Redactions, next: TextStage) {
    this.#redactions = redactions;
    this.#longest = redactions.longest;
    this.#next = next;
  }

  push(piece: string): void {
    const text = this.#held + piece;
    const begun = text.lastIndexOf('<');
    const isHeld = begun >= 0 && text.length - begun < this.#longest && BEGUN.test(text.slice(begun));
    this.#held = isHeld ? text.slice(begun) : '';
    const ready = isHeld ? text.slice(0, begun) : text;
    if (ready !== '') this.#next.push(this.#redactions.restore(ready));
  }

  end(): void {
    if (this.#held !== '') this.#next.push(this.#redactions.restore(this.#held));
    this.#held = '';
    this.#next.end();
  }
}
