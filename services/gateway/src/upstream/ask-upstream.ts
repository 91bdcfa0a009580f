import type { Dispatcher } from 'undici';
import type { Upstream } from './upstream.ts';

/** The largest answer that is read, in bytes. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * Asks an upstream something on the gateway's own account.
 *
 * @param body sent as JSON
 * @returns the body of a successful answer; null where there is none in time, or it is too large
 */
export function askUpstream(
  upstream: Upstream,
  path: string,
  body: object,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Buffer | null> {
  const { promise, resolve } = Promise.withResolvers<Buffer | null>();
  const question = new Question(resolve);
  const timer = setTimeout(question.giveUp, timeoutMs);
  signal.addEventListener('abort', question.giveUp, { once: true });
  if (signal.aborted) question.giveUp();
  else upstream.dispatch(path, Buffer.from(JSON.stringify(body)), question);
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', question.giveUp);
  });
}

class Question implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: Buffer | null) => void;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #status = 0;
  #over = false;
  #controller: Dispatcher.DispatchController | null = null;

  constructor(resolve: (answer: Buffer | null) => void) {
    this.#resolve = resolve;
  }

  readonly giveUp = (): void => {
    this.#end(null);
    this.#controller?.abort(new Error('given up'));
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('given up before it was sent'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_ANSWER_BYTES) this.giveUp();
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#end(this.#status >= 200 && this.#status < 300 ? Buffer.concat(this.#chunks) : null);
  }

  onResponseError(): void {
    this.#end(null);
  }

  #end(answer: Buffer | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#resolve(answer);
  }
}
