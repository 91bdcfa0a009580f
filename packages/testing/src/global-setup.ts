import { openTestRun } from './test-run.ts';

/** vitest's global set-up: opens the run in its main process; what it returns closes it. */
export default async function setUp(): Promise<() => Promise<void>> {
  const run = await openTestRun();
  return run.close;
}
