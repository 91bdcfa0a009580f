import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { identityOf, isAlive, type ProcessIdentity, waitForEnd } from '@tollgate/database/embedded';
import { carryOut, type Ending } from './ending.ts';

/** Tells a run's workers, and whatever they start, where its folder is. */
export const RUN_VARIABLE = 'TOLLGATE_TEST_RUN';

const OWNER_FILE = 'owner.json';
const OWNER_END_MS = 10_000;
export const ENDINGS_FOLDER = 'endings';

export type TestRun = {
  /** The run's own folder: `startedOnce` keeps its files there, `temporaryFolder` its folders. */
  readonly folder: string;
  /** Ends everything that was started, the last first, and removes the folder. Throws if something would not end. */
  close(): Promise<void>;
};

/**
 * Opens a run: what tests share is started in it at the first need, by `startedOnce`, and ended by `close`. vitest's
 * global set-up does this; a script of its own (a benchmark) calls it itself. What earlier runs of this user left
 * behind because they were killed is ended first.
 */
export async function openTestRun(runs: string = runsFolder()): Promise<TestRun> {
  await mkdir(runs, { recursive: true });
  const { uid } = await stat(runs);
  if (process.getuid !== undefined && uid !== process.getuid())
    throw new Error(`${runs} belongs to somebody else`);
  await enterable(runs);
  await endAbandonedRuns(runs);

  const folder = path.join(runs, randomUUID().slice(0, 8));
  await mkdir(path.join(folder, ENDINGS_FOLDER), { recursive: true });
  await enterable(folder);
  await writeFile(path.join(folder, OWNER_FILE), JSON.stringify(await identityOf(process.pid)));
  process.env[RUN_VARIABLE] = folder;
  const endAfterUs = (): void => endInBackground(folder);
  process.once('exit', endAfterUs);
  return {
    folder,
    async close() {
      process.off('exit', endAfterUs);
      delete process.env[RUN_VARIABLE];
      await endRun(folder);
    },
  };
}

/** vitest exits on Ctrl-C without its teardown: a process that outlives it does what `close` would have. */
function endInBackground(folder: string): void {
  const program = path.join(import.meta.dirname, 'end-run.ts');
  spawn(process.execPath, [program, folder], { detached: true, stdio: 'ignore' }).unref();
}

/** Ends a run whose owner is about to end. */
export async function endRunOfEndingOwner(folder: string): Promise<void> {
  const owner = await readOwner(folder);
  if (owner !== undefined && (await waitForEnd(owner, OWNER_END_MS))) await endRun(folder);
}

function runsFolder(): string {
  return path.join(tmpdir(), `tollgate-test-runs-${process.getuid?.() ?? 'user'}`);
}

/** The folder of the run that this process belongs to; undefined outside of one. */
export function testRunFolder(): string | undefined {
  const folder = process.env[RUN_VARIABLE];
  // Taken for a folder, an empty one would be whichever this process stands in.
  return folder === '' ? undefined : folder;
}

/** A server started by root runs as another account, which must get through to its data. */
async function enterable(folder: string): Promise<void> {
  await chmod(folder, process.getuid?.() === 0 ? 0o711 : 0o700);
}

async function endAbandonedRuns(runs: string): Promise<void> {
  for (const name of await readdir(runs)) {
    const folder = path.join(runs, name);
    const owner = await readOwner(folder);
    if (owner !== undefined && !(await isAlive(owner))) await endRun(folder).catch(() => {});
  }
}

async function endRun(folder: string): Promise<void> {
  const failures: unknown[] = [];
  const names = await readdir(path.join(folder, ENDINGS_FOLDER));
  for (const name of names.sort().reverse()) {
    try {
      await carryOut(parseEnding(await readFile(path.join(folder, ENDINGS_FOLDER, name), 'utf8')));
    } catch (error) {
      failures.push(error);
    }
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  if (failures.length > 0)
    throw new AggregateError(failures, 'what the tests had started did not end in order');
}

/** Written by `startedOnce` of this very version into a folder that is ours alone. */
function parseEnding(text: string): Ending {
  const ending: Ending = JSON.parse(text);
  return ending;
}

async function readOwner(folder: string): Promise<ProcessIdentity | undefined> {
  try {
    const owner: ProcessIdentity = JSON.parse(await readFile(path.join(folder, OWNER_FILE), 'utf8'));
    return owner;
  } catch {
    return undefined;
  }
}
