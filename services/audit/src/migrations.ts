import { fileURLToPath } from 'node:url';
import { busMigrations } from '@tollgate/bus';

/** What the audit service needs in Postgres: its schema, its role, and the files that make its tables. */
export const auditMigrations = {
  schema: 'audit',
  role: 'audit',
  sets: [
    busMigrations,
    { name: 'audit', folder: fileURLToPath(new URL('../migrations', import.meta.url)) },
    { name: 'vault', folder: fileURLToPath(new URL('../migrations/vault', import.meta.url)) },
  ],
} as const;
