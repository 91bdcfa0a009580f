import { fileURLToPath } from 'node:url';

/** What the chargeback service needs in Postgres: its schema, its role, and the files that make its tables. */
export const chargebackMigrations = {
  schema: 'chargeback',
  role: 'chargeback',
  sets: [{ name: 'chargeback', folder: fileURLToPath(new URL('../migrations', import.meta.url)) }],
} as const;
