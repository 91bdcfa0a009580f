import { fileURLToPath } from 'node:url';
import { busMigrations } from '@tollgate/bus';

/** What the delivery needs in Postgres: its schema, its role, and the files that make its tables. */
export const databricksSyncMigrations = {
  schema: 'databricks_sync',
  role: 'databricks_sync',
  sets: [
    busMigrations,
    { name: 'databricks-sync', folder: fileURLToPath(new URL('../migrations', import.meta.url)) },
  ],
} as const;
