/**
 * What Tollgate knows, in the customer's lakehouse: every numbered event in `audit_events`, every charge in `charges`,
 * and the view `daily` over both.
 *
 * A consumer of all topics turns events into rows of a queue in Postgres, in the transaction that moves its position.
 * Of all replicas, one deliverer per table takes the oldest rows, has the target insert those that it does not have
 * (MERGE by date and id, one JSON parameter), and then advances the watermark and lets the rows go, in one transaction
 * of ours. The target is a SQL warehouse where DATABRICKS_HTTP_PATH names one, else a DuckDB file, which says so.
 *
 * Cost: some 25 µs of our CPU per event to take it in, most of it to parse; a batch holds up to 5,000 rows or 4 MiB. A
 * warehouse is asked at most once per table and `max staleness`, so that it can sleep in between.
 *
 * Invariants: a row that was taken in is in the queue or in the target, whatever is lost, repeated or killed; it is in
 * the target once, because a MERGE that is repeated inserts nothing; rows there are never changed; amounts are
 * DECIMAL(38,18) and exact, and what does not fit is kept and told, not rounded; `event` is the event to the byte, so
 * that the warehouse itself can check `sha256`.
 *
 * Known limits: no rollups, invoices or attestation yet; a long outage is caught up with by MERGEs alone, no bulk load;
 * what was refused is kept and counted, but nothing sends it again; tables are made, never altered.
 */
export { createDatabricksSync, type DatabricksSyncParts } from './app.ts';
export { type DatabricksSyncConfig, readDatabricksSyncConfig, type TargetConfig } from './config.ts';
export { SyncError, type SyncErrorCode } from './errors.ts';
export { databricksSyncMigrations } from './migrations.ts';
export { createTarget } from './target/create-target.ts';
export type { LakehouseTarget, LakehouseTotals, TotalsQuery } from './target/lakehouse-target.ts';
