import pg from 'pg';
import { quoteIdentifier, quoteLiteral } from './identifier.ts';

/** Login role of one service, bound to one schema. */
export type ServiceRole = {
  readonly schema: string;
  readonly role: string;
  /** Left as it is unless given, for roles that an administrator made. */
  readonly rolePassword?: string;
};

/** Anything that runs one statement: a client, a pool, a transaction. */
type Statements = { query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> };

const RACE_ATTEMPTS = 20;
const RACE_PAUSE_MS = 25;

/**
 * What concurrent changes of one role or database end in: roles belong to the whole cluster, and the catalogue's rows
 * are not locked but fail ("tuple concurrently updated", or created by the other a moment earlier).
 */
const RACE_STATES = new Set(['XX000', '23505', '42710', '40001']);

/**
 * Creates the login role if it is missing, and sets its password. Idempotent, and harmless in a race with others
 * that do the same. Needs CREATEROLE.
 */
export async function ensureRole(owner: Statements, { role, rolePassword }: ServiceRole): Promise<void> {
  const name = quoteIdentifier(role);
  await despiteRaces(async () => {
    const { rows } = await owner.query('SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1', [role]);
    if (rows.length === 0) await owner.query(`CREATE ROLE ${name} LOGIN NOINHERIT`);
  });
  if (rolePassword !== undefined) {
    await despiteRaces(() => owner.query(`ALTER ROLE ${name} LOGIN PASSWORD ${quoteLiteral(rolePassword)}`));
  }
}

/**
 * Lets the role into the connected database, and nobody else by way of PUBLIC; sets its search path to its schema.
 * These belong to the database itself: `CREATE DATABASE … TEMPLATE` does not copy them, so a copy calls this again.
 */
export async function admitRole(owner: Statements, { schema, role }: ServiceRole): Promise<void> {
  const name = quoteIdentifier(role);
  const { rows } = await owner.query('SELECT quote_ident(current_database()) AS database');
  const database = databaseOf(rows[0]);
  await despiteRaces(() => owner.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`));
  await despiteRaces(() => owner.query(`GRANT CONNECT ON DATABASE ${database} TO ${name}`));
  await despiteRaces(() =>
    owner.query(`ALTER ROLE ${name} IN DATABASE ${database} SET search_path TO ${quoteIdentifier(schema)}`),
  );
}

function databaseOf(row: unknown): string {
  if (typeof row === 'object' && row !== null && 'database' in row && typeof row.database === 'string') {
    return row.database;
  }
  throw new Error('current_database() returned nothing');
}

async function despiteRaces(change: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await change();
      return;
    } catch (error) {
      const raced =
        error instanceof pg.DatabaseError && error.code !== undefined && RACE_STATES.has(error.code);
      if (!raced || attempt === RACE_ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, RACE_PAUSE_MS * Math.random()));
    }
  }
}
