import { buildConnector, Client, Dispatcher } from 'undici';

/** Idle connections are closed after so long, even if the upstream would keep them longer, in milliseconds. */
const MAX_IDLE_MS = 30_000;

/** Places of calls that wait no more, kept before the line is made anew. */
const MAX_GONE = 4_096;

export interface ConnectionsOptions {
  /** Connections kept at most; calls beyond wait for one, first come first served. */
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
}

/** A client of one connection. */
interface Connection {
  readonly client: Client;
  /** Its place among the free ones; -1 while it is busy. */
  place: number;
  /** Whether its socket is gone, so that it is not worth keeping. */
  broken: boolean;
  dropped: boolean;
}

interface Waiting {
  readonly options: Dispatcher.DispatchOptions;
  readonly handler: Dispatcher.DispatchHandler;
}

/**
 * The connections to one origin, HTTP/1.1 without pipelining: a call takes the free one that was used last, so that
 * those beyond what the traffic needs lie idle and close.
 *
 * undici's own `Pool` looks through all its clients at each dispatch, twice: 10,000 streams made that dearer than all
 * else that a call costs. Here a dispatch and an end cost the same however many connections there are. Deadlines other than for
 * connecting are the call's own (calls/running-calls.ts), so undici keeps no timers per call.
 */
export class Connections extends Dispatcher {
  readonly #origin: string;
  readonly #max: number;
  readonly #connect: buildConnector.connector;
  /** The last one was used last. */
  readonly #free: Connection[] = [];
  /** Oldest first, from `#nextWaiting` on. */
  #waiting: (Waiting | undefined)[] = [];
  #nextWaiting = 0;
  #count = 0;
  #closed: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  constructor(origin: string, { maxConnections, connectTimeoutMs }: ConnectionsOptions) {
    super();
    this.#origin = origin;
    this.#max = maxConnections;
    this.#connect = buildConnector({ timeout: connectTimeoutMs, noDelay: true, allowH2: false });
  }

  /** Connections open, or about to be. */
  get count(): number {
    return this.#count;
  }

  get isClosed(): boolean {
    return this.#closed !== null;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const connection = this.#free.pop();
    if (connection !== undefined) {
      connection.place = -1;
      this.#send(connection, options, handler);
    } else if (this.#count < this.#max) this.#send(this.#open(), options, handler);
    else this.#waiting.push({ options, handler });
    return true;
  }

  /** Resolves once the calls in flight and those waiting have ended, and all connections are closed. */
  override close(): Promise<void>;
  override close(callback: () => void): void;
  override close(callback?: () => void): Promise<void> | undefined {
    this.#closed ??= Promise.withResolvers<void>();
    const { promise } = this.#closed;
    for (const connection of [...this.#free]) this.#drop(connection);
    this.#endIfDone();
    if (callback === undefined) return promise;
    void promise.then(callback);
    return undefined;
  }

  #open(): Connection {
    const client = new Client(this.#origin, {
      pipelining: 1,
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveMaxTimeout: MAX_IDLE_MS,
      connect: this.#connect,
    });
    const connection: Connection = { client, place: -1, broken: false, dropped: false };
    this.#count += 1;
    client.on('connect', () => {
      connection.broken = false;
    });
    client.on('drain', () => this.#drained(connection));
    client.on('disconnect', () => {
      connection.broken = true;
      if (connection.place >= 0) this.#drop(connection);
    });
    client.on('connectionError', () => this.#drop(connection));
    return connection;
  }

  #send(
    connection: Connection,
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): void {
    const { client } = connection;
    // Not busy after that: the request was refused by undici itself, and no drain follows.
    if (client.dispatch(options, handler) || client.stats.size === 0) this.#drained(connection);
  }

  /** A connection's call has ended: the next one that waits has it, or it lies free. */
  #drained(connection: Connection): void {
    if (connection.dropped || connection.place >= 0) return;
    const next = this.#nextWaiter();
    if (next !== null) this.#send(connection, next.options, next.handler);
    else if (connection.broken || this.#closed !== null) this.#drop(connection);
    else connection.place = this.#free.push(connection) - 1;
  }

  /** Forgets a connection; what waits gets another in its place. */
  #drop(connection: Connection): void {
    if (connection.dropped) return;
    connection.dropped = true;
    this.#count -= 1;
    this.#takeOut(connection);
    void connection.client.close();
    const next = this.#nextWaiter();
    if (next !== null) this.#send(this.#open(), next.options, next.handler);
    this.#endIfDone();
  }

  #takeOut(connection: Connection): void {
    const { place } = connection;
    if (place < 0) return;
    connection.place = -1;
    const last = this.#free.pop();
    if (last === undefined || last === connection) return;
    this.#free[place] = last;
    last.place = place;
  }

  #nextWaiter(): Waiting | null {
    const next = this.#waiting[this.#nextWaiting];
    if (next === undefined) return null;
    this.#waiting[this.#nextWaiting] = undefined;
    this.#nextWaiting += 1;
    // While some always wait, the line never ends: what has gone is cut off, now and then.
    if (this.#nextWaiting === this.#waiting.length || this.#nextWaiting >= MAX_GONE) {
      this.#waiting = this.#waiting.slice(this.#nextWaiting);
      this.#nextWaiting = 0;
    }
    return next;
  }

  #endIfDone(): void {
    if (this.#closed !== null && this.#count === 0) this.#closed.resolve();
  }
}
