import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type ProcessIdentity, signalProcess, waitForEnd } from '@tollgate/database/embedded';

/** How something that outlives the test that started it is ended when the run ends. Plain data: it is kept in a file. */
export type Ending =
  /** Sends the signal (SIGTERM unless given) to this very process, and SIGKILL if it lives on. */
  | {
      readonly kind: 'process';
      readonly process: ProcessIdentity;
      readonly signal?: 'SIGINT' | 'SIGTERM' | 'SIGKILL';
    }
  /** Runs a program: `['docker', 'rm', '--force', id]`. */
  | { readonly kind: 'command'; readonly command: readonly [string, ...string[]] }
  | { readonly kind: 'folder'; readonly folder: string };

const run = promisify(execFile);
const GRACE_MS = 10_000;
const KILL_MS = 5_000;
const COMMAND_TIMEOUT_MS = 30_000;

/** Does it. What is already gone is passed over; a command that fails is not. */
export async function carryOut(ending: Ending): Promise<void> {
  switch (ending.kind) {
    case 'process': {
      const ended =
        !(await signalProcess(ending.process, ending.signal ?? 'SIGTERM')) ||
        (await waitForEnd(ending.process, GRACE_MS));
      if (!ended && (await signalProcess(ending.process, 'SIGKILL')))
        await waitForEnd(ending.process, KILL_MS);
      return;
    }
    case 'command': {
      const [program, ...args] = ending.command;
      await run(program, args, { timeout: COMMAND_TIMEOUT_MS });
      return;
    }
    case 'folder':
      await rm(ending.folder, { recursive: true, force: true });
  }
}
