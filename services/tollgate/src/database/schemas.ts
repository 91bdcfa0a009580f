import type { MigrationSet } from '@tollgate/database';

/** What one service needs in Postgres. */
export interface ServiceSchema {
  readonly schema: string;
  readonly role: string;
  readonly sets: readonly MigrationSet[];
}

/** Every service that keeps data, loaded when asked for: the command starts faster without them. */
export async function serviceSchemas(): Promise<ServiceSchema[]> {
  const [directory, audit, chargeback, budgets, databricksSync] = await Promise.all([
    import('@tollgate/directory'),
    import('@tollgate/audit'),
    import('@tollgate/chargeback'),
    import('@tollgate/budgets'),
    import('@tollgate/databricks-sync'),
  ]);
  return [
    directory.directoryMigrations,
    audit.auditMigrations,
    chargeback.chargebackMigrations,
    budgets.budgetsMigrations,
    databricksSync.databricksSyncMigrations,
  ];
}
