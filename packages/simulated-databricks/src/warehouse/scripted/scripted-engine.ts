import type { ArrowResult, Engine, SessionOptions, Statement } from '../engine.ts';
import { SqlError } from '../sql-error.ts';
import { arrowResult, NO_ROWS, type Row } from './arrow-result.ts';

/** What a handler answers: rows, with the Spark SQL types of their columns; nothing for an empty result. */
export type ScriptedAnswer =
  | {
      readonly columns: Readonly<Record<string, string>>;
      readonly rows: readonly Row[];
      /** Rows in one Arrow batch, of which one fetch takes as many as it has room for; 10,000 unless given. */
      readonly rowsPerBatch?: number;
    }
  | undefined;

/** Answers the statements that it is for. Throws a `SqlError` to fail one. */
export type StatementHandler = (
  statement: Statement,
  match: RegExpExecArray,
) => ScriptedAnswer | Promise<ScriptedAnswer>;

/** An engine that executes nothing but what it is told to, and remembers what it was asked. */
export interface ScriptedEngine extends Engine {
  /** For statements that the pattern matches. Of several that match, the one added last answers. */
  on(pattern: RegExp, handler: StatementHandler): ScriptedEngine;
  /** Statements that reached the engine, whatever became of their answers; the latest 10,000. */
  readonly executed: readonly Statement[];
  /** What each open session was opened with. */
  readonly sessions: ReadonlyMap<string, SessionOptions>;
}

const MAX_REMEMBERED = 10_000;

/**
 * Makes one. A statement that no handler is for fails with SQLSTATE 42601 and says so.
 *
 * ```ts
 * const engine = scriptedEngine().on(/^MERGE INTO (\S+)/, ({ parameters }) => ({
 *   columns: { num_affected_rows: 'bigint' },
 *   rows: [{ num_affected_rows: 1n }],
 * }));
 * ```
 */
export function scriptedEngine(): ScriptedEngine {
  return new Scripted();
}

class Scripted implements ScriptedEngine {
  readonly executed: Statement[] = [];
  readonly sessions = new Map<string, SessionOptions>();
  readonly #handlers: { readonly pattern: RegExp; readonly handler: StatementHandler }[] = [];
  #opened = 0;

  on(pattern: RegExp, handler: StatementHandler): ScriptedEngine {
    // A sticky or global expression would remember where it stopped.
    this.#handlers.unshift({
      pattern: new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')),
      handler,
    });
    return this;
  }

  async openSession(options: SessionOptions): Promise<string> {
    this.#opened += 1;
    const session = `session-${this.#opened}`;
    this.sessions.set(session, options);
    return session;
  }

  async closeSession(session: string): Promise<void> {
    this.sessions.delete(session);
  }

  async execute(statement: Statement): Promise<ArrowResult> {
    this.executed.push(statement);
    if (this.executed.length > MAX_REMEMBERED) this.executed.shift();
    for (const { pattern, handler } of this.#handlers) {
      const match = pattern.exec(statement.sql);
      if (match === null) continue;
      const answer = await handler(statement, match);
      return answer === undefined ? NO_ROWS : arrowResult(answer.columns, answer.rows, answer.rowsPerBatch);
    }
    throw new SqlError({
      message: `the scripted engine has no handler for: ${statement.sql}`,
      sqlState: '42601',
      condition: 'PARSE_SYNTAX_ERROR',
    });
  }

  async stop(): Promise<void> {}
}
