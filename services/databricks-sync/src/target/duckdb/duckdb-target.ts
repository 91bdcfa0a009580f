import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { TABLES, type TableName } from '../../tables/columns.ts';
import type { DeliveryRow } from '../../tables/row.ts';
import type { LakehouseTarget, LakehouseTotals, TotalsQuery } from '../lakehouse-target.ts';
import { dateRange, jsonArray } from '../merge-source.ts';
import { totalsOf } from '../read-totals.ts';
import { Serial } from '../serial.ts';
import { totalsStatements } from '../views.ts';
import { duckdbError } from './duckdb-error.ts';
import { DUCKDB, DUCKDB_DDL, duckdbMerge } from './duckdb-sql.ts';

/** Nothing is fetched from anywhere, and little is taken from whoever shares the machine. */
const SETTINGS = {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  threads: '2',
  memory_limit: '512MB',
} as const;

/**
 * The stand-in for a lakehouse: one DuckDB file. It is open only while it is written or asked, because whoever has it
 * open locks everybody else out.
 */
export class DuckDbTarget implements LakehouseTarget {
  readonly description;
  readonly #file: string;
  readonly #serial = new Serial();

  constructor(file: string) {
    this.#file = path.resolve(file);
    this.description = { kind: 'duckdb-file', standIn: true, location: this.#file } as const;
  }

  init(): Promise<void> {
    return this.#open(async (connection) => {
      for (const statement of DUCKDB_DDL) await connection.run(statement);
    });
  }

  deliver(table: TableName, rows: readonly DeliveryRow[], signal: AbortSignal): Promise<void> {
    return this.#open(async (connection) => {
      const { from, to } = dateRange(rows);
      await connection.run(duckdbMerge(TABLES[table]), {
        rows: jsonArray(rows),
        from_date: from,
        to_date: to,
      });
    }, signal);
  }

  totals(query: TotalsQuery, signal: AbortSignal): Promise<LakehouseTotals> {
    const { usage, charges, parameters } = totalsStatements(query, DUCKDB);
    return this.#open(async (connection) => {
      for (const statement of DUCKDB_DDL) await connection.run(statement);
      const used = await connection.runAndReadAll(usage, parameters);
      const charged = await connection.runAndReadAll(charges, parameters);
      return totalsOf(used.getRowObjectsJson(), charged.getRowObjectsJson());
    }, signal);
  }

  close(): Promise<void> {
    return this.#serial.idle();
  }

  #open<T>(work: (connection: DuckDBConnection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#serial.run(async () => {
      try {
        mkdirSync(path.dirname(this.#file), { recursive: true, mode: 0o700 });
        const instance = await DuckDBInstance.create(this.#file, SETTINGS);
        try {
          const connection = await instance.connect();
          const interrupt = () => connection.interrupt();
          signal?.addEventListener('abort', interrupt);
          try {
            signal?.throwIfAborted();
            return await work(connection);
          } finally {
            signal?.removeEventListener('abort', interrupt);
            connection.closeSync();
          }
        } finally {
          instance.closeSync();
        }
      } catch (error) {
        throw duckdbError(error);
      }
    });
  }
}
