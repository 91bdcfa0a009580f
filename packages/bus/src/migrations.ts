import path from 'node:path';
import type { MigrationSet } from '@tollgate/database';

/** `consumer_offset`, `outbox` and `outbox_source`, in the schema of each service that uses the bus. */
export const busMigrations: MigrationSet = {
  name: 'bus',
  folder: path.join(import.meta.dirname, '..', 'migrations'),
};
