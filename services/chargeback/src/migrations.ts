import { fileURLToPath } from 'node:url';
import { busMigrations } from '@tollgate/bus';

/** What the chargeback service needs in Postgres: its schema, its role, and the files that make its tables. */
export const chargebackMigrations = {
  schema: 'chargeback',
  role: 'chargeback',
  sets: [
    busMigrations,
    { name: 'chargeback', folder: fileURLToPath(new URL('../migrations', import.meta.url)) },
  ],
} as const;
