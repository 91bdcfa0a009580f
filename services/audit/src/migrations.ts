import { fileURLToPath } from 'node:url';

/** What the audit service needs in Postgres: its schema, its role, and the files that make its tables. */
export const auditMigrations = {
  schema: 'audit',
  role: 'audit',
  sets: [{ name: 'audit', folder: fileURLToPath(new URL('../migrations', import.meta.url)) }],
} as const;
