import type { TargetConfig } from '../config.ts';
import { DatabricksTarget } from './databricks/databricks-target.ts';
import { DuckDbTarget } from './duckdb/duckdb-target.ts';
import type { LakehouseTarget } from './lakehouse-target.ts';

/** The target that the configuration names. Connects to nothing yet. */
export function createTarget(config: TargetConfig): LakehouseTarget {
  return config.kind === 'databricks-sql' ? new DatabricksTarget(config) : new DuckDbTarget(config.file);
}
