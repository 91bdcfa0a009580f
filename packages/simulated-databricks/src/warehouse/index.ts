/**
 * A SQL warehouse that the real `@databricks/sql` driver talks to as it talks to Databricks: HTTPS, bearer tokens, Thrift,
 * results as Arrow. For tests; nothing of it leaves this machine.
 *
 * `startWarehouse` is the wire: it decodes each call with the Thrift code that the driver itself was generated with, keeps
 * sessions and operations, and has statements executed by an engine. `scriptedEngine` answers by regular expressions, for
 * tests of what a client does when things go wrong; `faults` makes them go wrong, counted and at the very call.
 * `startSparkEngine` is Apache Spark with Delta Lake on this machine's Java, for tests of what SQL truly does.
 *
 * Cost: a start takes some 20 ms, a call on the scripted engine about one; Spark's are in README.md.
 *
 * Invariants: a statement whose request was lost never reaches the engine; one whose reply was lost has ended in the
 * engine before the connection is cut; Arrow bytes go to the client as the engine gave them.
 *
 * Known limits: results are never compressed nor handed out as links; no metadata procedures (GetTables and the like,
 * 501), no `PUT` to Volumes; an HTTP error's text is in its body, which the driver does not read.
 */
export type { OAuthClient } from '../access-tokens.ts';
export type {
  ArrowBatch,
  ArrowResult,
  Column,
  Engine,
  SessionOptions,
  Statement,
  StatementParameter,
} from './engine.ts';
export type { Rpc, ScheduledFault, WarehouseFault, WarehouseFaultRule, WarehouseFaults } from './faults.ts';
export { arrowResult, type Row, type Value } from './scripted/arrow-result.ts';
export {
  type ScriptedAnswer,
  type ScriptedEngine,
  type StatementHandler,
  scriptedEngine,
} from './scripted/scripted-engine.ts';
export {
  connectSparkEngine,
  type SparkEngine,
  startSparkEngine,
} from './spark/spark-engine.ts';
export type { SparkAddress, SparkOptions } from './spark/spark-process.ts';
export { SqlError } from './sql-error.ts';
export {
  DEFAULT_WAREHOUSE_TOKEN,
  startWarehouse,
  type Warehouse,
  type WarehouseOptions,
  type WarehouseStatement,
} from './warehouse.ts';
