import type { Dispatcher } from 'undici';
import type { Credential } from './credentials/credential.ts';

/** What of a refusal's body is kept for the caller, should the credential turn out to be right. */
const MAX_KEPT_BYTES = 64 * 1024;

type Headers = Record<string, string | string[] | undefined>;

/**
 * Stands between an upstream and the handler of a call whose credential can be renewed: an answer that refuses the
 * credential is held back, the credential renewed, and the call sent once more; it was refused before anything was
 * done. Where there is no other credential, the answer is handed on as it came.
 */
export class RenewingHandler implements Dispatcher.DispatchHandler {
  readonly #inner: Dispatcher.DispatchHandler;
  readonly #credential: Credential;
  readonly #used: string;
  readonly #again: (authorization: string, handler: Dispatcher.DispatchHandler) => void;
  #status = 0;
  #headers: Headers = {};
  #kept: Buffer[] | null = null;
  #keptBytes = 0;

  /** @param again sends the call with another credential */
  constructor(
    inner: Dispatcher.DispatchHandler,
    credential: Credential,
    used: string,
    again: (authorization: string, handler: Dispatcher.DispatchHandler) => void,
  ) {
    this.#inner = inner;
    this.#credential = credential;
    this.#used = used;
    this.#again = again;
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: object): void {
    this.#inner.onRequestStart?.(controller, context);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Headers,
    message?: string,
  ): void {
    if (status === 401 || status === 403) {
      this.#status = status;
      this.#headers = headers;
      this.#kept = [];
    } else this.#inner.onResponseStart?.(controller, status, headers, message);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#kept === null) {
      this.#inner.onResponseData?.(controller, chunk);
      return;
    }
    if (this.#keptBytes < MAX_KEPT_BYTES) this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
  }

  onResponseEnd(controller: Dispatcher.DispatchController, trailers: Headers): void {
    if (this.#kept === null) this.#inner.onResponseEnd?.(controller, trailers);
    else void this.#renew(controller, this.#kept, trailers);
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.#inner.onResponseError?.(controller, error);
  }

  async #renew(
    controller: Dispatcher.DispatchController,
    kept: readonly Buffer[],
    trailers: Headers,
  ): Promise<void> {
    const renewed = await this.#credential.renew(this.#used, this.#status);
    const other = this.#credential.current();
    if (renewed && other !== null) {
      this.#again(other, this.#inner);
      return;
    }
    this.#inner.onResponseStart?.(controller, this.#status, this.#headers);
    for (const chunk of kept) this.#inner.onResponseData?.(controller, chunk);
    this.#inner.onResponseEnd?.(controller, trailers);
  }
}
