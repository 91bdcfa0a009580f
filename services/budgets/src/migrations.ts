import { fileURLToPath } from 'node:url';
import { busMigrations } from '@tollgate/bus';

/** What the budgets service needs in Postgres: its schema, its role, and the files that make its tables. */
export const budgetsMigrations = {
  schema: 'budgets',
  role: 'budgets',
  sets: [
    busMigrations,
    { name: 'budgets', folder: fileURLToPath(new URL('../migrations', import.meta.url)) },
  ],
} as const;
