/**
 * A station on the way of one text out of the gateway. Pieces go in as they come; what may go on goes to the next station, in
 * order. What a station decides, and when, depends on the text up to there, never on where the pieces were cut.
 */
export interface TextStage {
  push(piece: string): void;
  /** The text is whole: nothing more is held back. */
  end(): void;
}

/** The last station: what may go out, until it is taken. */
export class TextOutlet implements TextStage {
  #text = '';

  push(piece: string): void {
    this.#text += piece;
  }

  end(): void {}

  /** What has come since the last time. */
  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}
