import { LOG_LEVELS } from '@tollgate/telemetry';
import { z } from 'zod';
import { DEFAULT_TOKEN } from './serving/workspace.ts';

/** The environment of `simulated-databricks run`; the token can be given as `DATABRICKS_TOKEN_FILE`, too. */
export const simulatedDatabricksConfig = z.object({
  /** The bearer token that is let in: the variable under which its clients know it. */
  DATABRICKS_TOKEN: z.string().default(DEFAULT_TOKEN),
  /** A service principal that may fetch tokens; with its secret, or not at all. */
  DATABRICKS_CLIENT_ID: z.string().optional(),
  DATABRICKS_CLIENT_SECRET: z.string().optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
});
