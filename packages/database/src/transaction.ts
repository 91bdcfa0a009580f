import type pg from 'pg';
import { copyIn } from './copy/copy-in.ts';
import type { CopyRows } from './copy/copy-rows.ts';
import { DatabaseError } from './errors.ts';
import { isConnectionError } from './infrastructure-error.ts';
import type { Pool } from './pool.ts';

export type QueryConfig = {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** Prepares the statement under this name, once per connection. */
  readonly name?: string;
};

export type Result<Row> = {
  readonly rows: Row[];
  /** Rows returned, inserted, updated or deleted. */
  readonly rowCount: number;
};

/** What a handler is given: everything it queries commits or vanishes together. Unusable once the work has ended. */
export type Transaction = {
  /** One statement. `Row` is the caller's word for what the statement's fixed text returns; it is not checked. */
  query<Row extends object = Record<string, unknown>>(
    query: string | QueryConfig,
    values?: readonly unknown[],
  ): Promise<Result<Row>>;
  /**
   * Brings rows into a table; `target` is the table with its columns, as `pair (key, value)`. Throws
   * `copy_incomplete` where another number of rows arrived than were made.
   */
  copyIn(target: string, rows: CopyRows): Promise<void>;
};

export type TransactionOptions = {
  /** `read committed`, as the server has it, unless given. The stricter two throw 40001 on conflict: try again. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
};

/**
 * Runs the work in a transaction: commits when it returns, rolls back and rethrows when it throws.
 *
 * Should the connection break during the commit, whether it took effect is unknown, and the driver's error is thrown
 * (`isInfrastructureError` is true of it): do the work again only if that is harmless, as it is where the transaction
 * also records what it has consumed. A handler that swallowed a failed statement gets `transaction_aborted`, since
 * Postgres answers its COMMIT with a rollback.
 */
export async function transaction<T>(
  pool: Pool,
  work: (transaction: Transaction) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(beginStatement(options));
    const handle = transactionOn(client);
    let result: T;
    try {
      result = await work(handle);
    } finally {
      handle.end();
    }
    const commit = await client.query('COMMIT');
    if (commit.command !== 'COMMIT') {
      throw new DatabaseError(
        'transaction_aborted',
        'a statement failed inside the transaction and the work went on: nothing was committed; let the error pass',
      );
    }
    return result;
  } catch (error) {
    broken = await rollback(client, error);
    throw error;
  } finally {
    client.release(broken);
  }
}

function beginStatement(options: TransactionOptions): string {
  const isolation =
    options.isolation === undefined ? '' : ` ISOLATION LEVEL ${options.isolation.toUpperCase()}`;
  return `BEGIN${isolation}${options.readOnly === true ? ' READ ONLY' : ''}`;
}

function transactionOn(client: pg.PoolClient): Transaction & { end(): void } {
  let ended = false;
  function assertOpen(): void {
    if (!ended) return;
    throw new DatabaseError(
      'transaction_ended',
      'the transaction has ended: await its queries within the work',
    );
  }
  return {
    async query<Row extends object>(query: string | QueryConfig, values?: readonly unknown[]) {
      assertOpen();
      const config = typeof query === 'string' ? { text: query } : query;
      const given = values ?? config.values;
      const result = await client.query<Row>({
        ...config,
        ...(given === undefined ? {} : { values: [...given] }),
      });
      return { rows: result.rows, rowCount: result.rowCount ?? 0 };
    },
    async copyIn(target: string, rows: CopyRows) {
      assertOpen();
      const arrived = await copyIn(client, `COPY ${target} FROM STDIN (FORMAT binary)`, rows.finish());
      if (arrived === rows.rows) return;
      throw new DatabaseError('copy_incomplete', `${arrived} of ${rows.rows} rows came to ${target}`);
    },
    end() {
      ended = true;
    },
  };
}

/** Rolls back; returns the reason why the connection must not go back to the pool, if there is one. */
async function rollback(client: pg.PoolClient, cause: unknown): Promise<Error | undefined> {
  if (cause instanceof Error && isConnectionError(cause)) return cause;
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error('rollback failed', { cause: error });
  }
}
