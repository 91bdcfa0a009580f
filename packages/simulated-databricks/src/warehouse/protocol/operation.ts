import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArrowBatch, ArrowResult, Engine, StatementParameter } from '../engine.ts';
import type { WarehouseFault } from '../faults.ts';
import { SqlError } from '../sql-error.ts';

export type OperationState = 'running' | 'finished' | 'failed' | 'cancelled';

/** A statement from its arrival until the client closes it. */
export class Operation {
  readonly id: string = randomUUID();
  readonly session: string;
  readonly sql: string;
  readonly parameters: readonly StatementParameter[];
  /** Resolves once it no longer runs; never rejects. */
  readonly done: Promise<void>;
  state: OperationState = 'running';
  result: ArrowResult | undefined;
  error: SqlError | undefined;
  readonly #abort = new AbortController();
  #nextBatch = 0;

  /** `engineSession` is the engine's name for the session, `session` the client's. */
  constructor(statement: {
    readonly engine: Engine;
    readonly engineSession: string;
    readonly session: string;
    readonly sql: string;
    readonly parameters: readonly StatementParameter[];
    readonly fault: WarehouseFault | undefined;
  }) {
    this.session = statement.session;
    this.sql = statement.sql;
    this.parameters = statement.parameters;
    this.done = this.#run(statement.engine, statement.engineSession, statement.fault);
  }

  /** Ends it, if it still runs. */
  cancel(): void {
    if (this.state !== 'running') return;
    this.state = 'cancelled';
    this.#abort.abort();
  }

  /** The next whole batches that have at most `maxRows` rows together, but at least one batch if any is left. */
  take(maxRows: number): readonly ArrowBatch[] {
    const taken: ArrowBatch[] = [];
    let rows = 0;
    for (const batch of this.result?.batches.slice(this.#nextBatch) ?? []) {
      if (taken.length > 0 && rows + batch.rows > maxRows) break;
      taken.push(batch);
      rows += batch.rows;
    }
    this.#nextBatch += taken.length;
    return taken;
  }

  get hasMore(): boolean {
    return this.#nextBatch < (this.result?.batches.length ?? 0);
  }

  async #run(engine: Engine, session: string, fault: WarehouseFault | undefined): Promise<void> {
    const { signal } = this.#abort;
    try {
      if (fault?.kind === 'slow') await sleep(fault.ms, undefined, { signal });
      if (fault?.kind === 'sql-error') throw new SqlError(fault);
      this.result = await engine.execute({
        sql: this.sql,
        parameters: this.parameters,
        session,
        signal,
      });
      if (this.state === 'running') this.state = 'finished';
    } catch (error) {
      if (this.state !== 'running') return;
      this.state = 'failed';
      this.error =
        error instanceof SqlError
          ? error
          : new SqlError({
              message: error instanceof Error ? error.message : String(error),
              sqlState: 'XX000',
            });
    }
  }
}
