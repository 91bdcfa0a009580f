import type { ServerResponse } from 'node:http';
import type { Behaviour } from './behaviour.ts';
import type { ErrorAnswer } from './error-answers.ts';
import type { Ledger, Outcome } from './ledger.ts';
import type { ServingRequest } from './request.ts';

/** Chunks that need not be spaced are written together up to this size. */
const STREAM_WRITE_CHARS = 16_384;
/** Time for half an answer to reach the client before its connection is cut, so that the client has seen it. */
const CUT_AFTER_MS = 20;

const FAILED_MESSAGE = 'The served model failed while it was answering.';
const MID_STREAM_ERROR = `data: ${JSON.stringify({
  error: { message: FAILED_MESSAGE, type: 'internal_error', code: 'INTERNAL_ERROR' },
})}\n\n`;
const MID_RESPONSE_ERROR = `event: error\ndata: ${JSON.stringify({
  type: 'error',
  sequence_number: 0,
  code: 'server_error',
  message: FAILED_MESSAGE,
  param: null,
})}\n\n`;

/** The events of a streamed answer, one by one. */
export interface Events {
  /** Words in the events given out so far. */
  readonly wordsSent: number;
  /** The next event with the blank line that ends it, or `null` after the last. */
  next(): string | null;
}

/** One request being answered: writes the answer as the behaviour says, and tells the ledger how it ended. */
export class Exchange {
  readonly #response: ServerResponse;
  /** Names the answer and the `x-request-id` header. */
  readonly id: string;
  readonly #ledger: Ledger;
  #request: ServingRequest | null = null;
  /** How the request ends if nothing goes wrong on the way. */
  #intended: Outcome = 'refused';
  #words: { readonly wordsSent: number } = { wordsSent: 0 };
  #closed = false;
  #wake: (() => void) | null = null;

  constructor(response: ServerResponse, id: string, ledger: Ledger) {
    this.#response = response;
    this.id = id;
    this.#ledger = ledger;
    ledger.begin();
    response.once('close', () => this.#close());
  }

  /** From here on the ledger counts this exchange under its model and ids. */
  set request(request: ServingRequest) {
    this.#request = request;
  }

  /** Whether the connection is gone, so that nothing more need be done. */
  get closed(): boolean {
    return this.#closed;
  }

  sendError(answer: ErrorAnswer): void {
    sendErrorAnswer(this.#response, answer, this.id);
  }

  /** Waits `ms`; resolves at once when the client leaves. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Gives no answer for as long as the client waits. */
  neverAnswer(): void {
    this.#intended = 'cut';
  }

  /** Resets the connection (TCP RST). */
  reset(): void {
    this.#intended = 'cut';
    this.#response.socket?.resetAndDestroy();
  }

  /** Sends a body that is all there. */
  async sendWhole(body: string, outputTokens: number, behaviour: Behaviour): Promise<void> {
    this.#intended = 'served';
    const headers = this.#headers('application/json');
    if (inPieces(behaviour)) {
      this.#words = { wordsSent: outputTokens };
      this.#response.writeHead(200, headers);
      await this.#writePieces(body, behaviour);
      if (!this.#closed) this.#response.end();
      return;
    }
    headers.push('content-length', String(Buffer.byteLength(body)));
    this.#response.writeHead(200, headers);
    if (behaviour.cut !== null) {
      this.#response.write(body.slice(0, body.length / 2));
      return this.#cut(behaviour);
    }
    this.#words = { wordsSent: outputTokens };
    this.#response.end(body);
  }

  /** Sends events as the client takes them, spaced if the behaviour says so. */
  async sendStream(events: Events, words: number, behaviour: Behaviour): Promise<void> {
    this.#intended = 'served';
    this.#words = events;
    this.#response.writeHead(200, this.#headers('text/event-stream; charset=utf-8'));
    const cutAt = behaviour.cut === null ? Number.POSITIVE_INFINITY : Math.ceil(words / 2);
    const together = behaviour.chunkDelayMs > 0 ? 0 : STREAM_WRITE_CHARS;
    let pending = '';
    while (events.wordsSent < cutAt) {
      const event = events.next();
      if (event === null) break;
      pending += event;
      if (pending.length < together) continue;
      await this.#write(pending, behaviour);
      pending = '';
      if (behaviour.chunkDelayMs > 0) await this.pause(behaviour.chunkDelayMs);
      if (this.#closed) return;
    }
    if (behaviour.cut !== null) {
      if (pending !== '') this.#response.write(pending);
      return this.#cut(behaviour);
    }
    if (inPieces(behaviour) && pending !== '') {
      await this.#writePieces(pending, behaviour);
      if (!this.#closed) this.#response.end();
    } else this.#response.end(pending);
  }

  #headers(contentType: string): string[] {
    return ['content-type', contentType, 'x-request-id', this.id];
  }

  async #write(text: string, behaviour: Behaviour): Promise<void> {
    if (inPieces(behaviour)) return this.#writePieces(text, behaviour);
    if (!this.#response.write(text)) await this.#drained();
  }

  /** Each piece is an HTTP chunk of its own, so that a client meets it alone even if TCP joins packets. */
  async #writePieces(text: string, behaviour: Behaviour): Promise<void> {
    for (const piece of pieces(Buffer.from(text), behaviour)) {
      if (this.#closed) return;
      if (!this.#response.write(piece)) await this.#drained();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #cut(behaviour: Behaviour): Promise<void> {
    this.#intended = 'cut';
    if (behaviour.cut === 'stall') return;
    if (behaviour.cut === 'error') {
      this.#response.end(this.#request?.task === 'responses' ? MID_RESPONSE_ERROR : MID_STREAM_ERROR);
      return;
    }
    await this.pause(CUT_AFTER_MS);
    if (this.#closed) return;
    if (behaviour.cut === 'reset') this.#response.socket?.resetAndDestroy();
    else this.#response.socket?.destroySoon();
  }

  /** Resolves when the client has taken what was written, or has left. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#response.once('drain', resolve);
    });
  }

  #close(): void {
    this.#closed = true;
    this.#wake?.();
    const whole = this.#response.writableFinished || this.#intended === 'cut';
    this.#ledger.end(this.#request, whole ? this.#intended : 'aborted', this.#words.wordsSent);
  }
}

/** Writes an error and ends the answer. */
export function sendErrorAnswer(response: ServerResponse, answer: ErrorAnswer, requestId: string): void {
  const headers = ['content-type', answer.contentType, 'x-request-id', requestId];
  if (answer.retryAfterSeconds !== null) headers.push('retry-after', String(answer.retryAfterSeconds));
  headers.push('content-length', String(Buffer.byteLength(answer.body)));
  response.writeHead(answer.status, headers);
  response.end(answer.body);
}

function inPieces(behaviour: Behaviour): boolean {
  return behaviour.splitBytes > 0 || behaviour.straddleUsage;
}

const USAGE = '"usage":{"';
/** Where a usage block is parted: within the name of its first member. */
const INTO_USAGE_BYTES = USAGE.length + 4;

function pieces(bytes: Buffer, behaviour: Behaviour): Buffer[] {
  if (behaviour.splitBytes > 0) {
    const parts: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += behaviour.splitBytes) {
      parts.push(bytes.subarray(at, at + behaviour.splitBytes));
    }
    return parts;
  }
  const usage = bytes.lastIndexOf(USAGE);
  if (usage < 0) return [bytes];
  const at = usage + INTO_USAGE_BYTES;
  return [bytes.subarray(0, at), bytes.subarray(at)];
}
