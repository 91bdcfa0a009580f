import { randomUUID } from 'node:crypto';
import { identityOf } from '@tollgate/database/embedded';
import { LocalJavaError } from '@tollgate/local-java';
import type { SparkAddress, Warehouse, WarehouseOptions } from '@tollgate/simulated-databricks/warehouse';
import { startedOnce } from './started-once.ts';

export type WarehouseForTests =
  | {
      readonly available: true;
      /** The caller's own, with its own faults and statements; to be stopped by it. Spark behind it is the run's. */
      readonly warehouse: Warehouse;
      readonly catalog: string;
      /** A schema of the catalog that is empty, and the caller's own. */
      readonly schema: string;
    }
  /** What is missing on this machine, as a test that does not run is to say. */
  | { readonly available: false; readonly reason: string };

type Shared = { readonly address: SparkAddress } | { readonly missing: string };

/** A first start fetches 276 MB. */
const START_TIMEOUT_MS = 800_000;
const CATALOG = 'main';

/**
 * A warehouse for the real driver on the test run's one Spark with Delta Lake, which is fetched from Maven Central once
 * and started at the first need. `npm test` names the tests that did not run for want of Java 17 or Maven:
 *
 * ```ts
 * const spark = await warehouseForTests();
 * beforeEach((context) => context.skip(!spark.available, spark.available ? undefined : spark.reason));
 * ```
 *
 * @throws TestingError `shared_start_failed` where they are there and Spark does not start
 */
export async function warehouseForTests(
  options: Omit<WarehouseOptions, 'engine'> = {},
): Promise<WarehouseForTests> {
  const shared = await sharedSpark();
  if ('missing' in shared) return { available: false, reason: shared.missing };
  const { connectSparkEngine, startWarehouse } = await import('@tollgate/simulated-databricks/warehouse');
  const engine = connectSparkEngine(shared.address);
  const schema = `test_${randomUUID().slice(0, 8)}`;
  const session = await engine.openSession({});
  const { signal } = new AbortController();
  await engine.execute({ sql: `CREATE SCHEMA ${CATALOG}.${schema}`, parameters: [], session, signal });
  await engine.closeSession(session);
  const warehouse = await startWarehouse({ ...options, engine });
  return { available: true, warehouse, catalog: CATALOG, schema };
}

function sharedSpark(): Promise<Shared> {
  return startedOnce<Shared>({
    name: 'spark',
    timeoutMs: START_TIMEOUT_MS,
    async start({ folder, endAtTeardown }) {
      const { startSparkEngine } = await import('@tollgate/simulated-databricks/warehouse');
      try {
        const { address } = await startSparkEngine({
          folder,
          outlivesUs: true,
          async spawned(pid) {
            const process = await identityOf(pid);
            if (process !== undefined) await endAtTeardown({ kind: 'process', process, signal: 'SIGKILL' });
          },
        });
        return { address };
      } catch (error) {
        const missing = error instanceof LocalJavaError && error.code.endsWith('-missing');
        if (missing) return { missing: error.message };
        throw error;
      }
    },
    parse(value) {
      const shared = value as Shared;
      if (typeof shared !== 'object' || shared === null || !('address' in shared || 'missing' in shared))
        throw new TypeError('no Spark');
      return shared;
    },
  });
}
