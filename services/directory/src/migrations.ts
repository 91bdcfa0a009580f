import { fileURLToPath } from 'node:url';
import { busMigrations } from '@tollgate/bus';

/** What the directory needs in Postgres: its schema, its role, and the files that make its tables. */
export const directoryMigrations = {
  schema: 'directory',
  role: 'directory',
  sets: [
    busMigrations,
    { name: 'directory', folder: fileURLToPath(new URL('../migrations', import.meta.url)) },
  ],
} as const;
