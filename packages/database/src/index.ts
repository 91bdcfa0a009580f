/**
 * Postgres as our services use it: one database, a schema and a login role per service, statements written by hand.
 *
 * `openPool` and `transaction` are what a running service needs; `migrate` makes schemas, roles and tables from
 * numbered SQL files under the owner's URL, and `assertMigrated` refuses to start a service without them.
 * `waitForDatabase` is for starts that come before the server's. `acquireAdvisoryLock` elects one leader among replicas, `listen` wakes who waits for work. The embedded server is
 * apart, in `@tollgate/database/embedded`.
 *
 * Values: int8 is a `bigint`, numeric and date are text, timestamptz is RFC 3339 text with six digits
 * (`2025-01-31T12:00:00.500000Z`), so that nothing is rounded on its way through JavaScript.
 *
 * Hot path: a transaction costs two round trips more than its statements; nothing else is added per query.
 *
 * Invariants: a connection in an unknown state never returns to the pool; a commit that the server turned into a
 * rollback is an error; migrations only go forward, and an applied file never changes; a service's role has no right
 * that its migrations did not grant, and none in another schema; a server that restarts ends no process.
 *
 * Known limits: an advisory lock's holder that is cut off learns of it seconds late (use a fencing epoch too);
 * a pooler in transaction mode (PgBouncer) passes neither `LISTEN` nor our session settings; a database shared with foreign software loses PUBLIC's
 * rights to connect and to use schema `public`.
 */

export { type AdvisoryLock, type AdvisoryLockOptions, acquireAdvisoryLock } from './advisory-lock.ts';
export {
  boolColumn,
  byteaColumn,
  int4Column,
  int8Column,
  numericColumn,
  textColumn,
  timestamptzColumn,
  uuidColumn,
} from './binary-arrays.ts';
export type { ConnectionOptions } from './connection.ts';
export { CopyRows } from './copy/copy-rows.ts';
export { tsvectorBytes } from './copy/tsvector.ts';
export { DatabaseError, type DatabaseErrorCode } from './errors.ts';
export { isInfrastructureError } from './infrastructure-error.ts';
export { type Listener, type ListenOptions, listen } from './listen.ts';
export { assertMigrated, type MigrateOptions, type MigrateResult, migrate } from './migrate.ts';
export { type MigrationSet, migrationsDigest } from './migration-files.ts';
export { openPool, type Pool, type PoolOptions } from './pool.ts';
export { admitRole, type ServiceRole } from './roles.ts';
export {
  type QueryConfig,
  type Result,
  type Transaction,
  type TransactionOptions,
  transaction,
} from './transaction.ts';
export { type WaitForDatabaseOptions, waitForDatabase } from './wait-for-database.ts';
