import { connect, type Socket } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
const CONTENT_LENGTH = /\r\ncontent-length: (\d+)/i;

/** What a run of load gave. */
export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Answers with another status than 200. */
  readonly failures: number;
  /** Of each request, in milliseconds, sorted. From the moment it was due, not from when it could be sent. */
  readonly latenciesMs: Float64Array;
}

export interface LoadTarget {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One keep-alive connection that sends the same request again and again, as cheaply as Node can. */
class Connection {
  readonly #socket: Socket;
  readonly #request: Buffer;
  readonly #onAnswer: (connection: Connection, ok: boolean) => void;
  #pending: Buffer = Buffer.alloc(0);
  dueMs = 0;

  constructor(target: LoadTarget, onAnswer: (connection: Connection, ok: boolean) => void) {
    const body = Buffer.from(target.body);
    const head = [
      `POST ${target.path} HTTP/1.1`,
      'host: bench',
      'content-type: application/json',
      `content-length: ${body.length}`,
      ...Object.entries(target.headers).map(([name, value]) => `${name}: ${value}`),
    ].join('\r\n');
    this.#request = Buffer.concat([Buffer.from(`${head}\r\n\r\n`), body]);
    this.#onAnswer = onAnswer;
    this.#socket = connect({ port: target.port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (chunk) => this.#take(chunk));
    this.#socket.on('error', (error) => {
      throw error;
    });
  }

  send(dueMs: number): void {
    this.dueMs = dueMs;
    this.#socket.write(this.#request);
  }

  close(): void {
    this.#socket.removeAllListeners('error').on('error', () => {});
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd >= 0) {
      const head = bytes.toString('latin1', 0, headEnd);
      const length = Number(CONTENT_LENGTH.exec(head)?.[1] ?? Number.NaN);
      if (Number.isNaN(length)) throw new Error(`an answer without content-length: ${head}`);
      if (bytes.length >= headEnd + HEAD_END.length + length) {
        this.#pending = Buffer.alloc(0);
        this.#onAnswer(this, head.startsWith('HTTP/1.1 200'));
        return;
      }
    }
    this.#pending = bytes;
  }
}

/** Sends on `connections` connections, each its next request as soon as the answer is there, for `durationMs`. */
export async function closedLoop(
  target: LoadTarget,
  connections: number,
  durationMs: number,
): Promise<LoadResult> {
  const latencies: number[] = [];
  let failures = 0;
  let open = connections;
  const { promise, resolve } = Promise.withResolvers<void>();
  const startMs = performance.now();
  const all = Array.from(
    { length: connections },
    () =>
      new Connection(target, (connection, ok) => {
        const now = performance.now();
        latencies.push(now - connection.dueMs);
        if (!ok) failures += 1;
        if (now - startMs < durationMs) connection.send(now);
        else {
          open -= 1;
          if (open === 0) resolve();
        }
      }),
  );
  for (const connection of all) connection.send(performance.now());
  await promise;
  for (const connection of all) connection.close();
  return result(latencies, failures, startMs);
}

/**
 * Sends `perSecond` requests a second, evenly spaced, whether or not earlier ones were answered, for `durationMs`.
 * A request waits for a free connection if all are busy; that wait counts.
 */
export async function openLoop(
  target: LoadTarget,
  perSecond: number,
  durationMs: number,
  connections: number,
): Promise<LoadResult> {
  const latencies: number[] = [];
  let failures = 0;
  const total = Math.round((perSecond * durationMs) / 1000);
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting: number[] = [];
  const free: Connection[] = [];
  const all: Connection[] = [];
  for (let i = 0; i < connections; i += 1) {
    const connection = new Connection(target, (each, ok) => {
      latencies.push(performance.now() - each.dueMs);
      if (!ok) failures += 1;
      const due = waiting.shift();
      if (due === undefined) free.push(each);
      else each.send(due);
      if (latencies.length === total) resolve();
    });
    all.push(connection);
    free.push(connection);
  }
  const startMs = performance.now();
  let sent = 0;
  const tick = () => {
    const now = performance.now();
    while (sent < total && startMs + (sent * 1000) / perSecond <= now) {
      const due = startMs + (sent * 1000) / perSecond;
      sent += 1;
      const connection = free.pop();
      if (connection === undefined) waiting.push(due);
      else connection.send(due);
    }
    if (sent < total) setTimeout(tick, 1);
  };
  tick();
  await promise;
  for (const connection of all) connection.close();
  return result(latencies, failures, startMs);
}

function result(latencies: readonly number[], failures: number, startMs: number): LoadResult {
  return {
    requests: latencies.length,
    seconds: (performance.now() - startMs) / 1000,
    failures,
    latenciesMs: Float64Array.from(latencies).sort(),
  };
}

/** The value below which `share` of the sorted values lie. */
export function percentile(sorted: Float64Array | readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}
