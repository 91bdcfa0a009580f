/**
 * What tests need around them: a real Postgres with a fresh database per test file, something to wait with, folders
 * that vanish, chance that repeats itself.
 *
 * vitest's global set-up (`global-setup.ts`) opens a *test run*: a folder whose path every worker gets. What tests
 * share is started in the run at the first need by `startedOnce`, and ended when vitest ends; a test run that was
 * killed is cleaned up by the next. A database is a copy of a template that holds the migrated schemas.
 *
 * Cost: Postgres starts in about a second, once per run and only if a test asks; a template takes as long as its
 * migrations, a copy of it some tens of milliseconds.
 *
 * Invariants: no test sees another's database; nothing started by a run outlives it, but for SIGKILL, after which it
 * lives until the next run.
 *
 * Known limits: roles belong to the server, so all databases of a run share them; `startedOnce` works on one machine.
 */

export { freePort } from '@tollgate/database/embedded';
export { lackOfContainers } from './container-engine.ts';
export type { Ending } from './ending.ts';
export { TestingError, type TestingErrorCode } from './errors.ts';
export { type GoProgram, goProgram } from './go-program.ts';
export { type KafkaForTests, kafkaForTests } from './kafka.ts';
export {
  NO_POLICY_CONFIG_EXAMPLES,
  type PolicyConfigExample,
  policyConfigExamples,
} from './policy-config-examples.ts';
export { postgresForTests, type SharedPostgres } from './postgres.ts';
export { type S3ForTests, s3ForTests } from './s3.ts';
export { type SeededRandom, seededRandom } from './seeded-random.ts';
export { type SharedThing, startedOnce } from './started-once.ts';
export { temporaryFolder } from './temporary-folder.ts';
export { createTestDatabase, type TestDatabase, type TestService } from './test-database.ts';
export { openTestRun, type TestRun, testRunFolder } from './test-run.ts';
export { type TinyDisk, tinyDisk } from './tiny-disk.ts';
export { type UntilOptions, until } from './until.ts';
export { type WarehouseForTests, warehouseForTests } from './warehouse.ts';
