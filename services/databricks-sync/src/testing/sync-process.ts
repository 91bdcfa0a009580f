import { runService } from '@tollgate/http';
import { startDatabricksSync } from '../commands.ts';

/** The service as a process of its own, for tests that kill it. */
await runService('databricks-sync', startDatabricksSync);
