export { chargebackMigrations } from './migrations.ts';
