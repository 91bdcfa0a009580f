import path from 'node:path';
import type { ConnectionOptions, MigrationSet, Pool } from '@tollgate/database';
import type { Topic } from '@tollgate/events';
import type { Bus } from '../bus.ts';

/** The contract's tables, in a schema that also has `busMigrations`. */
export const contractMigrations: MigrationSet = {
  name: 'bus-contract',
  folder: path.join(import.meta.dirname, 'migrations'),
};

/** What a bus is tried with: a log of its own, empty, whose topics have `partitions` partitions. */
export type BusHarness = {
  /** Another bus on the same log, as another process has it. Closed by the harness. */
  createBus(): Bus;
  /** A bus whose log can't be reached. */
  createUnreachableBus(): Bus;
  /** At least two. */
  readonly partitions: number;
  /** Appends to one partition, past the publisher. */
  publishTo(topic: Topic, partition: number, values: readonly Buffer[]): Promise<void>;
  /** Of a database with both sets of migrations. Each call is another pool. Closed by the harness. */
  createPool(): Pool;
  readonly connection: ConnectionOptions;
  /** A folder that vanishes. */
  readonly folder: string;
};

/** One promise of the bus, and what tries to break it. Throws where it is broken. */
export type ContractCase = {
  /** A sentence. */
  readonly title: string;
  run(harness: BusHarness): Promise<void>;
};
