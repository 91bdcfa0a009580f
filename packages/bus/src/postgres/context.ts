import type { Pool } from '@tollgate/database';
import type { Logger } from '@tollgate/telemetry';
import type { BusMetrics } from '../metrics.ts';

/** What every part of the embedded bus is given. */
export type PostgresContext = {
  readonly url: string;
  readonly applicationName: string;
  /** For appending and reading; what waits (notifications, locks) has a connection of its own. */
  readonly pool: Pool;
  readonly logger: Logger;
  readonly metrics?: BusMetrics;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
};
