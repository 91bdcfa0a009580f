import { type Pool, type Transaction, transaction } from '@tollgate/database';
import { AuditError } from '../errors.ts';
import { readPosition } from './position.ts';

/** The tables that are made again; the position stays where it is. */
const SWAPPED = ['indexed_event', 'event_count', 'unsettled_request'] as const;
/** How long readers and the indexer may be kept waiting at one go. Less than Postgres waits before it looks for deadlocks. */
const LOCK_TIMEOUT_MS = 500;
const MAX_TRIES = 40;
const LOCK_NOT_AVAILABLE = '55P03';

/** Makes tables in a schema as the live ones are: columns, keys, indexes under the same names, partitions, rights. */
export async function makeLikeLive(pool: Pool, schema: string, live: string): Promise<void> {
  await pool.query(`
    CREATE SCHEMA ${schema};
    CREATE TABLE ${schema}.index_position (LIKE ${live}.index_position INCLUDING ALL);
    INSERT INTO ${schema}.index_position DEFAULT VALUES`);
  for (const table of SWAPPED) {
    const { rows } = await pool.query<{ partitioned: string | null }>(
      `SELECT pg_get_partkeydef('${live}.${table}'::regclass) AS partitioned`,
    );
    const by = rows[0]?.partitioned ?? null;
    await pool.query(
      `CREATE TABLE ${schema}.${table} (LIKE ${live}.${table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
       ${by === null ? '' : `PARTITION BY ${by}`}`,
    );
    for (const statement of await keysAndIndexes(pool, schema, live, table)) await pool.query(statement);
    for (const statement of await grants(pool, schema, live, table)) await pool.query(statement);
  }
  await copyPartitions(pool, schema, live);
}

async function keysAndIndexes(pool: Pool, schema: string, live: string, table: string): Promise<string[]> {
  const keys = await pool.query<{ name: string; definition: string }>(
    `SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
     WHERE conrelid = '${live}.${table}'::regclass AND contype IN ('p', 'u')`,
  );
  const indexes = await pool.query<{ definition: string }>(
    `SELECT pg_get_indexdef(indexrelid) AS definition FROM pg_index i
     WHERE indrelid = '${live}.${table}'::regclass
       AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)`,
  );
  return [
    ...keys.rows.map(
      ({ name, definition }) => `ALTER TABLE ${schema}.${table} ADD CONSTRAINT ${name} ${definition}`,
    ),
    ...indexes.rows.map(({ definition }) =>
      definition.replace(new RegExp(` ON (ONLY )?${live}\\.${table} `), ` ON ${schema}.${table} `),
    ),
  ];
}

async function grants(pool: Pool, schema: string, live: string, table: string): Promise<string[]> {
  const { rows } = await pool.query<{ privilege: string; role: string }>(
    `SELECT privilege_type AS privilege, quote_ident(r.rolname) AS role
     FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
     WHERE c.oid = '${live}.${table}'::regclass AND a.grantee <> c.relowner`,
  );
  return rows.map(({ privilege, role }) => `GRANT ${privilege} ON ${schema}.${table} TO ${role}`);
}

/** Makes the partitions that the live table has and the other has not. */
export async function copyPartitions(
  database: Pick<Transaction, 'query'>,
  schema: string,
  live: string,
): Promise<void> {
  const { rows } = await database.query<{ name: string; bound: string }>(
    `SELECT quote_ident(c.relname) AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
     FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = '${live}.indexed_event'::regclass
     ORDER BY c.relname`,
  );
  for (const { name, bound } of rows) {
    await database.query(
      `CREATE TABLE IF NOT EXISTS ${schema}.${name} PARTITION OF ${schema}.indexed_event ${bound}`,
    );
  }
}

/**
 * Puts the tables of a schema in the place of the live ones, in one transaction, while the service runs: the indexer waits at
 * its position, searches see the one index or the other.
 *
 * @param catchUp makes the leaves that were indexed meanwhile, up to this size
 * @returns the leaves that the index now holds
 * @throws AuditError `index_busy` where readers never let go of the tables for a moment
 */
export async function swapIn(
  pool: Pool,
  { schema, grave, live }: { readonly schema: string; readonly grave: string; readonly live: string },
  catchUp: (size: number) => Promise<void>,
): Promise<number> {
  for (const table of SWAPPED) await pool.query(`ANALYZE ${schema}.${table}`);
  await pool.query(`CREATE SCHEMA ${grave}`);
  for (let tries = 1; ; tries += 1) {
    try {
      return await transaction(pool, async (tx) => {
        await tx.query(`SELECT FROM ${live}.index_position FOR UPDATE`);
        const { size } = await readPosition(tx);
        await catchUp(size);
        await tx.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
        await tx.query(
          `LOCK TABLE ${SWAPPED.map((table) => `${live}.${table}`).join(', ')} IN ACCESS EXCLUSIVE MODE`,
        );
        // One that the indexer has just made.
        await copyPartitions(tx, schema, live);
        for (const name of await tablesOf(tx, live))
          await tx.query(`ALTER TABLE ${live}.${name} SET SCHEMA ${grave}`);
        for (const name of await tablesOf(tx, schema)) {
          await tx.query(`ALTER TABLE ${schema}.${name} SET SCHEMA ${live}`);
        }
        return size;
      });
    } catch (error) {
      if (!(error instanceof Error && Reflect.get(error, 'code') === LOCK_NOT_AVAILABLE)) throw error;
      if (tries === MAX_TRIES) {
        throw new AuditError('index_busy', 'the index is read without a pause: try again at a quieter time', {
          cause: error,
        });
      }
    }
  }
}

async function tablesOf(tx: Transaction, schema: string): Promise<string[]> {
  const { rows } = await tx.query<{ name: string }>(
    `SELECT quote_ident(c.relname) AS name FROM pg_class c
     WHERE c.relnamespace = '${schema}'::regnamespace AND c.relkind IN ('r', 'p')
       AND (c.relname = ANY ($1::text[])
            OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = '${schema}.indexed_event'::regclass))
     ORDER BY c.relname`,
    [SWAPPED],
  );
  return rows.map(({ name }) => name);
}
