import type { TLSSocketOptions } from 'node:tls';
import type { Logger } from '@tollgate/telemetry';
import type pg from 'pg';
import { connect } from './connection.ts';
import { DatabaseError } from './errors.ts';
import { quoteIdentifier } from './identifier.ts';
import { type MigrationFile, type MigrationSet, readMigrations } from './migration-files.ts';
import { type AppliedMigration, pendingMigrations } from './migration-plan.ts';
import type { Pool } from './pool.ts';
import { admitRole, ensureRole, type ServiceRole } from './roles.ts';

export type MigrateOptions = ServiceRole & {
  /** URL of the database as its owner, who can create roles and schemas. Services never have it. */
  readonly ownerUrl: string;
  readonly ssl?: boolean | TLSSocketOptions;
  /** In the order of their dependence: the bus's tables before the service's own. */
  readonly sets: readonly MigrationSet[];
  readonly logger?: Logger;
};

export type MigrateResult = { readonly applied: readonly { set: string; number: number; name: string }[] };

/** How long one call waits for another that migrates the same database. */
const OTHER_MIGRATION_WAIT_MS = 600_000;
/** How long a statement waits for a table that is in use; meanwhile whoever comes after it waits too. */
const TABLE_LOCK_WAIT_MS = 30_000;

const ROLE_PLACEHOLDER = /\$\{role\}/g;
const SCHEMA_PLACEHOLDER = /\$\{schema\}/g;

const CREATE_HISTORY = `
  CREATE TABLE IF NOT EXISTS schema_migration (
    set text NOT NULL,
    number integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (set, number)
  )`;

/**
 * Brings one service's schema to the state of its migration files, each applied once, in order, in a transaction of
 * its own. Two callers at once wait for each other.
 *
 * The files' SQL runs as the owner with the search path set to the schema, so tables are named without it, and grants
 * its own rights: `\${role}` stands for the service's role and `\${schema}` for its schema, both quoted. The role
 * starts with nothing but USAGE of the schema and SELECT on `schema_migration`; a file that does not grant, does not
 * give. A file cannot hold statements that refuse transactions (CREATE INDEX CONCURRENTLY, VACUUM).
 *
 * Throws the coded errors of `pendingMigrations`, and `migration_failed` with the file's name and the server's error.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const client = await connect({
    url: options.ownerUrl,
    applicationName: 'tollgate-migrate',
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
  });
  const schema = quoteIdentifier(options.schema);
  const role = quoteIdentifier(options.role);
  try {
    await client.query(`SET lock_timeout TO ${OTHER_MIGRATION_WAIT_MS}`);
    await client.query("SELECT pg_advisory_lock(hashtextextended('tollgate.migrate', 0))");
    await client.query(`SET lock_timeout TO ${TABLE_LOCK_WAIT_MS}`);
    await ensureRole(client, options);
    await admitRole(client, options);
    await client.query('REVOKE ALL ON SCHEMA public FROM PUBLIC');
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await client.query(`GRANT USAGE ON SCHEMA ${schema} TO ${role}`);
    await client.query(`SET search_path TO ${schema}`);
    await client.query(CREATE_HISTORY);
    await client.query(`GRANT SELECT ON schema_migration TO ${role}`);

    const history = await readHistory(client, schema);
    const applied: MigrationFile[] = [];
    for (const set of options.sets) {
      const files = await readMigrations(set);
      for (const file of pendingMigrations(
        files,
        history.filter((row) => row.set === set.name),
      )) {
        await apply(client, file, { schema, role });
        options.logger?.info(
          { schema: options.schema, set: file.set, number: file.number, name: file.name },
          'migrated',
        );
        applied.push(file);
      }
    }
    return { applied: applied.map(({ set, number, name }) => ({ set, number, name })) };
  } finally {
    await client.end();
  }
}

/**
 * For a service at its start, under its own role: throws `not_migrated` unless every file is applied unchanged. What
 * a newer release has added is accepted, so that the database can be migrated before the services are replaced.
 */
export async function assertMigrated(options: {
  readonly pool: Pool;
  readonly schema: string;
  readonly sets: readonly MigrationSet[];
}): Promise<void> {
  let history: AppliedMigration[];
  try {
    history = await readHistory(options.pool, quoteIdentifier(options.schema));
  } catch (error) {
    if (isMissingSchema(error)) throw notMigrated(options.schema, 'nothing is there yet', error);
    throw error;
  }
  for (const set of options.sets) {
    const files = await readMigrations(set);
    const numbers = new Set(files.map((file) => file.number));
    const known = history.filter((row) => row.set === set.name && numbers.has(row.number));
    const pending = pendingMigrations(files, known);
    if (pending.length > 0) throw notMigrated(options.schema, `${pending.length} of ${set.name} are missing`);
  }
}

async function readHistory(client: pg.Client | Pool, schema: string): Promise<AppliedMigration[]> {
  const { rows } = await client.query<AppliedMigration>(
    `SELECT set, number, name, sha256 FROM ${schema}.schema_migration ORDER BY set, number`,
  );
  return rows;
}

async function apply(
  client: pg.Client,
  file: MigrationFile,
  names: { schema: string; role: string },
): Promise<void> {
  const sql = file.sql.replaceAll(ROLE_PLACEHOLDER, names.role).replaceAll(SCHEMA_PLACEHOLDER, names.schema);
  try {
    await client.query('BEGIN');
    await client.query(`SET LOCAL search_path TO ${names.schema}`);
    const transactionId = await currentTransaction(client);
    await client.query(sql);
    if ((await currentTransaction(client)) !== transactionId) {
      throw new Error('the file ends the transaction it runs in: leave out BEGIN, COMMIT and ROLLBACK');
    }
    await client.query(
      `INSERT INTO ${names.schema}.schema_migration (set, number, name, sha256) VALUES ($1, $2, $3, $4)`,
      [file.set, file.number, file.name, file.sha256],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    const cause = error instanceof Error ? error.message : String(error);
    throw new DatabaseError(
      'migration_failed',
      `migration ${file.set}/${file.number}_${file.name}: ${cause}`,
      {
        cause: error,
      },
    );
  }
}

async function currentTransaction(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>('SELECT pg_current_xact_id()::text AS id');
  return rows[0]?.id;
}

/** 42P01 undefined table, 3F000 no such schema, 42501 no right to use it (the role was never admitted). */
function isMissingSchema(error: unknown): boolean {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return code === '42P01' || code === '3F000' || code === '42501';
}

function notMigrated(schema: string, what: string, cause?: unknown): DatabaseError {
  return new DatabaseError(
    'not_migrated',
    `migrations of schema ${schema}: ${what}; run \`tollgate database migrate\``,
    cause === undefined ? {} : { cause },
  );
}
