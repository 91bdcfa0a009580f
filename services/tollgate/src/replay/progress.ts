import cliProgress from 'cli-progress';

/** Shows a person how far a replay is; says the steps alone where standard error is not a terminal. */
export class Progress {
  readonly #stream: NodeJS.WriteStream;
  #bar: cliProgress.SingleBar | null = null;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  step(text: string): void {
    this.end();
    this.note(`${text} …`);
  }

  note(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  begin(total: number): void {
    if (!this.#stream.isTTY) {
      this.note(`sending ${total} requests …`);
      return;
    }
    this.#bar = new cliProgress.SingleBar(
      {
        format: '{phase} [{bar}] {value}/{total} {duration_formatted}',
        stream: this.#stream,
        hideCursor: true,
        clearOnComplete: false,
      },
      cliProgress.Presets.shades_classic,
    );
    this.#bar.start(total, 0, { phase: 'sending ' });
  }

  answered(count: number): void {
    this.#bar?.update(count);
  }

  settling(audit: number, charges: number): void {
    this.#bar?.update(Math.min(audit, charges), { phase: 'settling' });
  }

  end(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}
