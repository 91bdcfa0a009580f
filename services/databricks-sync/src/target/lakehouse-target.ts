import type { TableName } from '../tables/columns.ts';
import type { DeliveryRow } from '../tables/row.ts';

/** What a target is, for logs, the API and whoever wonders where the rows went. */
export interface TargetDescription {
  readonly kind: 'databricks-sql' | 'duckdb-file';
  /** A stand-in shows what would be delivered; nobody's dashboards read it. */
  readonly standIn: boolean;
  /** Where it is, without secrets. */
  readonly location: string;
}

export interface TotalsQuery {
  /** RFC 3339 UTC: of `requested_at`, from (inclusive) … */
  readonly from: string;
  /** … to (not included). */
  readonly to: string;
  readonly organisationId: string | null;
  /** Null for every team. */
  readonly teamIds: readonly string[] | null;
}

/** What the lakehouse itself says; counts as decimal text, since they are sums of 64-bit numbers. */
export interface LakehouseTotals {
  /** Final usage events. */
  readonly requests: string;
  readonly inputTokens: string;
  readonly outputTokens: string;
  readonly charges: string;
  /** Exact, by currency; ordered by it. */
  readonly amounts: readonly { readonly currency: string; readonly amount: string }[];
}

/** Where rows are delivered to. Every call may be repeated without harm, whatever became of the one before. */
export interface LakehouseTarget {
  readonly description: TargetDescription;
  /** Makes tables and views where they are missing. Changes nothing that is there. @throws SyncError */
  init(): Promise<void>;
  /**
   * Inserts those rows that are not there yet, in one transaction of the target.
   *
   * @param rows of distinct keys
   * @param signal aborted when the answer is no longer waited for
   * @throws SyncError
   */
  deliver(table: TableName, rows: readonly DeliveryRow[], signal: AbortSignal): Promise<void>;
  /** @throws SyncError */
  totals(query: TotalsQuery, signal: AbortSignal): Promise<LakehouseTotals>;
  close(): Promise<void>;
}
