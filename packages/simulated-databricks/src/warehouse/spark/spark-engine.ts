import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import type { ArrowResult, Engine, SessionOptions, Statement } from '../engine.ts';
import { SqlError } from '../sql-error.ts';
import { readAnswer, readFailure, readSession } from './spark-answer.ts';
import { type SparkAddress, type SparkOptions, startSpark } from './spark-process.ts';

/** Spark with Delta Lake as a warehouse's engine. Its default catalog goes by `main` and by `spark_catalog`. */
export interface SparkEngine extends Engine {
  /** For `connectSparkEngine` in another process. */
  readonly address: SparkAddress;
  /** Of the Java process, where it is ours. */
  readonly pid: number | undefined;
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

const OK = 200;
/** SQLSTATE for what has none. */
const INTERNAL_ERROR = 'XX000';

/**
 * Starts a Spark of its own, which ends with this process however that ends.
 *
 * @throws LocalJavaError `java-missing`, `maven-missing`, `download-failed`, `compiler-missing`, `compile-failed`;
 *   SimulatedDatabricksError `spark-start-failed`
 */
export async function startSparkEngine(options: SparkOptions): Promise<SparkEngine> {
  const { address, pid, stop } = await startSpark(options);
  const engine = new HttpSparkEngine(address, pid);
  return Object.assign(engine, {
    stop: async () => {
      engine.disconnect();
      await stop();
    },
  });
}

/** A Spark that another process has started, and stops. */
export function connectSparkEngine(address: SparkAddress): SparkEngine {
  return new HttpSparkEngine(address, undefined);
}

class HttpSparkEngine implements SparkEngine {
  readonly address: SparkAddress;
  readonly pid: number | undefined;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(address: SparkAddress, pid: number | undefined) {
    this.address = address;
    this.pid = pid;
  }

  async openSession(options: SessionOptions): Promise<string> {
    return readSession((await this.#post('/open', options)).body);
  }

  async closeSession(session: string): Promise<void> {
    await this.#post('/close', { session });
  }

  async execute({ sql, parameters, session, signal }: Statement): Promise<ArrowResult> {
    const id = randomUUID();
    const cancel = (): void => {
      // What is cancelled too late has ended; what can't be, ends with its Spark.
      this.#post('/cancel', { id }).catch(() => {});
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const answer = await this.#post('/execute', { id, session, sql: inSparkDialect(sql), parameters });
      return readAnswer(answer.body);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  async stop(): Promise<void> {
    this.disconnect();
  }

  disconnect(): void {
    this.#agent.destroy();
  }

  async #post(path: string, body: unknown): Promise<Answer> {
    const answer = await this.#exchange(path, Buffer.from(JSON.stringify(body)));
    if (answer.status === OK) return answer;
    const { message, condition, sqlState } = readFailure(answer.body);
    throw new SqlError({ message, condition, sqlState: sqlState ?? INTERNAL_ERROR });
  }

  /** Not by `fetch`, which gives up on answers that take more than five minutes. */
  #exchange(path: string, body: Buffer): Promise<Answer> {
    const { port, token } = this.address;
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port,
          path,
          method: 'POST',
          agent: this.#agent,
          headers: { authorization: `Bearer ${token}`, 'content-length': body.length },
        },
        (incoming) => {
          const parts: Buffer[] = [];
          incoming.on('data', (part: Buffer) => parts.push(part));
          incoming.once('error', reject);
          incoming.once('end', () =>
            resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(parts) }),
          );
        },
      );
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  }
}

/** Where Databricks' dialect and Spark's differ in a word. */
function inSparkDialect(sql: string): string {
  return sql.replace(/^\s*USE\s+CATALOG\b/i, 'SET CATALOG');
}
