import { createHash, randomUUID } from 'node:crypto';
import {
  admitRole,
  type MigrationSet,
  migrate,
  migrationsDigest,
  openPool,
  type ServiceRole,
} from '@tollgate/database';
import { TestingError } from './errors.ts';
import { postgresForTests } from './postgres.ts';
import { startedOnce } from './started-once.ts';

/** A service whose schema and role the database is made with. */
export type TestService = {
  readonly schema: string;
  readonly role: string;
  readonly sets: readonly MigrationSet[];
};

export type TestDatabase = {
  readonly name: string;
  /** As superuser and owner of everything: for set-up and for looking, not for the code under test. */
  readonly ownerUrl: string;
  /** As the service's login role, which is what the code under test gets. */
  urlFor(role: string): string;
  /** Drops the database, connections or not. Idempotent. */
  close(): Promise<void>;
};

/**
 * A fresh, migrated database of the run's Postgres: a copy of a template that is made once per run and set of
 * migrations. Costs some tens of milliseconds. Close it in `afterAll` or `afterEach`.
 */
export async function createTestDatabase(
  options: { readonly services?: readonly TestService[] } = {},
): Promise<TestDatabase> {
  const services = options.services ?? [];
  const { url } = await postgresForTests();
  const template = services.length === 0 ? 'template1' : await templateFor(url, services);
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const ownerUrl = urlOf(url, { database: name });
  await asOwner(url, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  await admitAll(ownerUrl, services);
  return {
    name,
    ownerUrl,
    urlFor(role) {
      if (!services.some((service) => service.role === role)) {
        throw new TestingError(
          'unknown_role',
          `the database was made without role ${role}: name it in \`services\``,
        );
      }
      return urlOf(ownerUrl, { role, password: passwordOf(url, role) });
    },
    close: () => asOwner(url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function templateFor(url: string, services: readonly TestService[]): Promise<string> {
  const hash = createHash('sha256');
  for (const { schema, role, sets } of services) {
    hash.update(JSON.stringify([schema, role, await migrationsDigest(sets)]));
  }
  const name = `template_${hash.digest('hex').slice(0, 20)}`;
  await startedOnce({
    name,
    async start() {
      await asOwner(url, `CREATE DATABASE ${name}`);
      for (const { schema, role, sets } of services) {
        await migrate({
          ownerUrl: urlOf(url, { database: name }),
          schema,
          role,
          rolePassword: passwordOf(url, role),
          sets,
        });
      }
      return null;
    },
    parse: () => null,
  });
  return name;
}

/** A copy of a database does not keep who may connect to it. */
async function admitAll(ownerUrl: string, services: readonly ServiceRole[]): Promise<void> {
  if (services.length === 0) return;
  const pool = openPool({ url: ownerUrl, applicationName: 'tollgate-testing', maxConnections: 1 });
  try {
    for (const service of services) await admitRole(pool, service);
  } finally {
    await pool.end();
  }
}

async function asOwner(url: string, statement: string): Promise<void> {
  const pool = openPool({ url, applicationName: 'tollgate-testing', maxConnections: 1 });
  try {
    await pool.query(statement);
  } finally {
    await pool.end();
  }
}

/** The same in every process of the run, since roles belong to the server; unknown to others. */
function passwordOf(url: string, role: string): string {
  return createHash('sha256').update(`${url}#${role}`).digest('base64url');
}

function urlOf(url: string, change: { database?: string; role?: string; password?: string }): string {
  const changed = new URL(url);
  if (change.database !== undefined) changed.pathname = change.database;
  if (change.role !== undefined) changed.username = change.role;
  if (change.password !== undefined) changed.password = change.password;
  return changed.href;
}
