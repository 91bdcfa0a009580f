import { styleText } from 'node:util';
import type { Notice } from './log-file.ts';

/** A notice waits this long, since what it complains of may be known by then. */
const HOLD_MS = 300;
/** The same is not said again for so long. */
const REPEAT_MS = 30_000;
const MAX_NOTICE_CHARS = 200;
const NAME_WIDTH = 12;

/** Standard output or error; a stream in tests. */
type Screen = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** What a person sees of a Tollgate: steps as they are done, then only what they have to know. */
export class Terminal {
  readonly #stream: Screen;
  readonly #told = new Map<string, number>();
  #live = false;
  #quiet = false;
  #unfinished = false;

  constructor(stream: Screen) {
    this.#stream = stream;
    // Whoever read along may be gone; that ends nothing.
    stream.on('error', () => {});
  }

  readonly bold = (text: string): string => this.#styled('bold', text);
  readonly dim = (text: string): string => this.#styled('dim', text);

  write(text: string): void {
    this.#endLine();
    this.#stream.write(text);
  }

  line(text: string): void {
    this.write(`${text}\n`);
  }

  /** Shows what is being done, and then how long it took. */
  async step<T>(name: string, work: () => Promise<T>, detail: (result: T) => string = () => ''): Promise<T> {
    const sinceMs = performance.now();
    if (this.#stream.isTTY) {
      this.#stream.write(`  ${this.dim('…')} ${name}`);
      this.#unfinished = true;
    }
    const result = await work();
    if (this.#unfinished) this.#stream.write('\r\u001b[K');
    this.#unfinished = false;
    const seconds = `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
    this.line(
      `  ${this.#styled('green', '✓')} ${name.padEnd(NAME_WIDTH)} ${seconds}  ${this.dim(detail(result))}`.trimEnd(),
    );
    return result;
  }

  /** Notices are shown between the end of the start and the beginning of the stop. */
  live(live: boolean): void {
    this.#live = live;
  }

  /** From now on, notices are in the log alone: what happens is known. */
  quiet(quiet: boolean): void {
    this.#quiet = quiet;
  }

  notice({ level, service, message }: Notice): void {
    if (!this.#live) return;
    if (level === 'fatal') {
      this.#show(level, service, message);
      return;
    }
    if (this.#quiet) return;
    const key = `${service} ${message}`;
    const nowMs = performance.now();
    if (nowMs - (this.#told.get(key) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return;
    this.#told.set(key, nowMs);
    setTimeout(() => {
      if (this.#live && !this.#quiet) this.#show(level, service, message);
    }, HOLD_MS).unref();
  }

  #show(level: string, service: string, message: string): void {
    const mark = level === 'warn' ? this.#styled('yellow', '!') : this.#styled('red', '✗');
    this.line(`  ${mark} ${service}: ${message.slice(0, MAX_NOTICE_CHARS)}`);
  }

  #endLine(): void {
    if (this.#unfinished) this.#stream.write('\n');
    this.#unfinished = false;
  }

  #styled(format: 'bold' | 'dim' | 'green' | 'yellow' | 'red', text: string): string {
    // Knows NO_COLOR, FORCE_COLOR, and whether this is a terminal.
    return styleText(format, text, { stream: this.#stream });
  }
}
