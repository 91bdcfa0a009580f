import type { Dispatcher } from 'undici';
import { Connections } from './connections.ts';
import { type Credential, CredentialError, conceal } from './credentials/credential.ts';
import { RenewingHandler } from './renewing-handler.ts';

/** An origin that models are served from. */
export interface Upstream {
  /**
   * Posts `body` to `path` below the base URL; everything that follows is told to `handler`, which may be told of a
   * start twice where the credential was refused and renewed. An upstream that is closed still serves calls that were
   * decided on before.
   *
   * @param path such as `/chat/completions`
   */
  dispatch(path: string, body: Buffer, handler: Dispatcher.DispatchHandler): void;
  /**
   * Asks for something short on the origin, such as how it is.
   *
   * @param path on the origin, not below the base URL
   * @throws CredentialError, or what the connection failed with
   */
  get(path: string, timeoutMs: number): Promise<ShortAnswer>;
  /** A text of the upstream without the gateway's credential in it. */
  conceal(text: string): string;
  /** Lets calls in flight end, then closes the connections. */
  close(): Promise<void>;
}

/** An answer that is small enough to be held: longer ones are cut. */
export interface ShortAnswer {
  readonly status: number;
  readonly text: string;
}

/** The most that is read of a short answer. */
const MAX_SHORT_ANSWER_BYTES = 64 * 1024;

export interface UpstreamOptions {
  /** Such as `https://example.cloud.databricks.com/serving-endpoints`. */
  readonly baseUrl: string;
  readonly credential: Credential;
  /** Connections kept at most; calls beyond wait for one. */
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
}

/** An upstream with connections of its own. */
export function createUpstream(options: UpstreamOptions): Upstream {
  return new PooledUpstream(options);
}

class PooledUpstream implements Upstream {
  readonly #options: UpstreamOptions;
  readonly #origin: string;
  readonly #base: string;
  readonly #credential: Credential;
  readonly #pool: Connections;
  readonly #paths = new Map<string, string>();
  /** Pools of calls that came after the end. */
  readonly #late = new Set<Promise<void>>();
  #headers: string[] = [];
  #authorization: string | null = null;

  constructor(options: UpstreamOptions) {
    const url = new URL(options.baseUrl);
    this.#options = options;
    this.#origin = url.origin;
    this.#base = url.pathname.replace(/\/+$/, '');
    this.#credential = options.credential;
    this.#pool = this.#newPool();
  }

  dispatch(path: string, body: Buffer, handler: Dispatcher.DispatchHandler): void {
    const authorization = this.#credential.current();
    if (authorization === null) void this.#dispatchLater(path, body, handler);
    else this.#dispatchWith(authorization, path, body, handler);
  }

  async get(path: string, timeoutMs: number): Promise<ShortAnswer> {
    const authorization = this.#credential.current();
    if (authorization === null) throw new CredentialError('there is no credential just now');
    const { statusCode, body } = await this.#pool.request({
      method: 'GET',
      path,
      headers: authorization === '' ? {} : { authorization },
      signal: AbortSignal.timeout(timeoutMs),
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body) {
      if (!(chunk instanceof Uint8Array)) continue;
      bytes += chunk.length;
      chunks.push(Buffer.from(chunk));
      if (bytes > MAX_SHORT_ANSWER_BYTES) break;
    }
    return { status: statusCode, text: Buffer.concat(chunks).toString('utf8', 0, MAX_SHORT_ANSWER_BYTES) };
  }

  conceal(text: string): string {
    return conceal(text, this.#credential.secrets());
  }

  async close(): Promise<void> {
    await this.#pool.close();
    await Promise.all(this.#late);
  }

  #dispatchWith(
    authorization: string,
    path: string,
    body: Buffer,
    handler: Dispatcher.DispatchHandler,
  ): void {
    const credential = this.#credential;
    const told = credential.renewable
      ? new RenewingHandler(handler, credential, authorization, (other, inner) =>
          this.#send(other, path, body, inner),
        )
      : handler;
    this.#send(authorization, path, body, told);
  }

  #send(authorization: string, path: string, body: Buffer, handler: Dispatcher.DispatchHandler): void {
    if (authorization !== this.#authorization) {
      this.#authorization = authorization;
      this.#headers = ['content-type', 'application/json'];
      if (authorization !== '') this.#headers.push('authorization', authorization);
    }
    const pool = this.#pool.isClosed ? this.#poolOfOne() : this.#pool;
    pool.dispatch({ method: 'POST', path: this.#fullPath(path), headers: this.#headers, body }, handler);
  }

  async #dispatchLater(path: string, body: Buffer, handler: Dispatcher.DispatchHandler): Promise<void> {
    try {
      await this.#credential.wait();
      const authorization = this.#credential.current();
      if (authorization === null) throw new CredentialError('the credential came and went');
      this.#dispatchWith(authorization, path, body, handler);
    } catch (error) {
      const why = error instanceof Error ? error : new CredentialError(String(error));
      handler.onResponseError?.(NOT_SENT, why);
    }
  }

  #fullPath(path: string): string {
    let full = this.#paths.get(path);
    if (full === undefined) {
      full = this.#base + path;
      this.#paths.set(path, full);
    }
    return full;
  }

  #newPool(): Connections {
    return new Connections(this.#origin, this.#options);
  }

  /** A call that was decided on before the configuration changed may be sent only after that: it is not dropped for it. */
  #poolOfOne(): Connections {
    const pool = this.#newPool();
    setImmediate(() => {
      const closed = pool.close().finally(() => this.#late.delete(closed));
      this.#late.add(closed);
    });
    return pool;
  }
}

/** Of a call that was never sent. */
const NOT_SENT: Dispatcher.DispatchController = {
  aborted: false,
  paused: false,
  reason: null,
  abort() {},
  pause() {},
  resume() {},
};
