import { type Dispatcher, Pool } from 'undici';

/** An origin that models are served from. */
export interface Upstream {
  /**
   * Posts `body` to `path` below the base URL; everything that follows is told to `handler`.
   *
   * @param path such as `/chat/completions`
   */
  dispatch(path: string, body: Buffer, handler: Dispatcher.DispatchHandler): void;
  /** Lets calls in flight end, then closes the connections. */
  close(): Promise<void>;
}

export interface UpstreamOptions {
  /** Such as `https://example.cloud.databricks.com/serving-endpoints`. */
  readonly baseUrl: string;
  /** The bearer token; null: none is sent. */
  readonly token: string | null;
  /** Connections kept at most; calls beyond wait for one. */
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
}

/**
 * A pool of HTTP/1.1 connections without pipelining. Deadlines other than for connecting are the call's own
 * (calls/running-calls.ts), so undici keeps no timers per call.
 */
export function createUpstream(options: UpstreamOptions): Upstream {
  const url = new URL(options.baseUrl);
  const base = url.pathname.replace(/\/+$/, '');
  const pool = new Pool(url.origin, {
    connections: options.maxConnections,
    pipelining: 1,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: options.connectTimeoutMs, noDelay: true },
  });
  const paths = new Map<string, string>();
  const headers = ['content-type', 'application/json'];
  if (options.token !== null) headers.push('authorization', `Bearer ${options.token}`);
  return {
    dispatch(path, body, handler) {
      let full = paths.get(path);
      if (full === undefined) {
        full = base + path;
        paths.set(path, full);
      }
      pool.dispatch({ method: 'POST', path: full, headers, body }, handler);
    },
    close: () => pool.close(),
  };
}
