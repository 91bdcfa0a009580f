import { type ServiceClient, ServiceError } from '@tollgate/http';
import type { Logger } from '@tollgate/telemetry';
import { z } from 'zod';
import type { PayloadSpool } from './payload-spool.ts';

/** How long a batch waits for more before it is sent, and how long after a failure it is tried again. */
const LINGER_MS = 500;
const MIN_RETRY_MS = 500;
const MAX_RETRY_MS = 15_000;

/** Codes with which the vault says that it will never take a batch. */
const NEVER = new Set(['batch_malformed', 'seal_broken', 'key_unknown']);

export interface SenderParts {
  readonly spool: PayloadSpool;
  readonly client: ServiceClient;
  readonly log: Logger;
}

/** Sends batches to the vault, the oldest first, again and again until it has them. */
export class PayloadSender {
  readonly #parts: SenderParts;
  readonly #timer: NodeJS.Timeout;
  readonly #ended = new AbortController();
  #sending: Promise<void> | null = null;
  #retryMs = MIN_RETRY_MS;
  #notBeforeMs = 0;
  #trouble: string | null = null;

  constructor(parts: SenderParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => {
      parts.spool.rotate();
      this.wake();
    }, LINGER_MS).unref();
  }

  /** Why batches are not arriving; null where they are. */
  trouble(): string | null {
    return this.#trouble;
  }

  /** There may be something to send. */
  wake(): void {
    if (this.#sending !== null || this.#ended.signal.aborted || performance.now() < this.#notBeforeMs) return;
    if (this.#parts.spool.files.oldest() === null) return;
    this.#sending = this.#sendAll()
      .catch((error: unknown) => {
        this.#parts.log.error({ err: error, code: 'payload_spool' }, 'files of payloads can not be handled');
      })
      .finally(() => {
        this.#sending = null;
      });
  }

  /** Sends what there is, as far as it goes within the deadline; the rest stays for the next start. */
  async stop(deadlineMs: number): Promise<void> {
    clearInterval(this.#timer);
    await this.#parts.spool.close();
    this.#notBeforeMs = 0;
    const late = setTimeout(() => this.#ended.abort(new Error('the gateway is shutting down')), deadlineMs);
    await this.#sending;
    this.wake();
    await this.#sending;
    clearTimeout(late);
    this.#ended.abort();
  }

  async #sendAll(): Promise<void> {
    const { spool, log } = this.#parts;
    const { files } = spool;
    for (;;) {
      const number = files.oldest();
      if (number === null) return;
      try {
        await this.#send(number);
        await files.remove(number);
        this.#retryMs = MIN_RETRY_MS;
        this.#trouble = null;
      } catch (error) {
        if (error instanceof ServiceError && NEVER.has(error.code)) {
          log.error({ code: error.code, batch: number }, 'the vault refuses a batch of payloads for good');
          await files.setAside(number);
          continue;
        }
        const code = error instanceof ServiceError ? error.code : 'failed';
        if (this.#trouble === null) log.warn({ code }, 'payloads do not reach the vault; they are kept');
        this.#trouble = `payloads do not reach the vault (${code})`;
        this.#notBeforeMs = performance.now() + this.#retryMs;
        this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
        return;
      }
    }
  }

  async #send(number: number): Promise<void> {
    const { spool, client } = this.#parts;
    await client.call({
      method: 'POST',
      path: '/v1/payloads/batches',
      bytes: await spool.files.read(number),
      answer: z.object({ stored: z.int() }),
      signal: this.#ended.signal,
    });
  }
}
