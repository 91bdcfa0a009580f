/** The bounds of a service's HTTP side. Milliseconds and bytes. */
export type HttpSettings = {
  readonly bodyLimitBytes: number;
  /** How long a handler may take until it has an answer (not until a stream of it has been read). */
  readonly handlerTimeoutMs: number;
  /** How long a caller may take to send a whole request. */
  readonly requestTimeoutMs: number;
  /** How long a connection may stay silent while an answer is under way. */
  readonly connectionTimeoutMs: number;
  /** How long an idle connection is kept for the next request. */
  readonly keepAliveTimeoutMs: number;
  /** How long requests in flight may take to end once the service is told to stop. */
  readonly stopTimeoutMs: number;
  readonly maxConnections: number;
};

export const DEFAULT_HTTP_SETTINGS: HttpSettings = {
  bodyLimitBytes: 256 * 1024,
  handlerTimeoutMs: 15_000,
  requestTimeoutMs: 15_000,
  connectionTimeoutMs: 60_000,
  keepAliveTimeoutMs: 65_000,
  stopTimeoutMs: 10_000,
  maxConnections: 1_000,
};
