import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf, isAlive, type ProcessIdentity } from '@tollgate/database/embedded';
import type { Ending } from './ending.ts';
import { TestingError } from './errors.ts';
import { ENDINGS_FOLDER, testRunFolder } from './test-run.ts';

export type SharedThing<State> = {
  /** Names it within the run, and its files: `kafka`, `postgres`. */
  readonly name: string;
  /**
   * Starts it; called in one process of the run, the first that asks. What is started must outlive that process
   * (a detached child, its output in a file of `folder`). Call `endAtTeardown` as soon as there is something to end;
   * what was registered last is ended first. The result is kept as JSON for all who ask.
   */
  readonly start: (context: {
    /** A folder of this thing's own within the run's, removed at the end. */
    readonly folder: string;
    readonly endAtTeardown: (ending: Ending) => Promise<void>;
  }) => Promise<State>;
  /** Reads what `start` returned back from JSON. Throws where it is not that. */
  readonly parse: (value: unknown) => State;
  /** How long others wait for the one that starts it; 3 minutes unless given. */
  readonly timeoutMs?: number;
};

type Outcome = { readonly state: unknown } | { readonly error: string };

const DEFAULT_TIMEOUT_MS = 180_000;
const POLL_MS = 20;

/**
 * Something that the whole test run shares, started at the first need, whichever of the run's processes that is in,
 * and ended when the run ends:
 *
 * ```ts
 * const broker = await startedOnce({
 *   name: 'kafka',
 *   async start({ folder, endAtTeardown }) {
 *     const child = spawn('java', […], { detached: true, stdio: … });
 *     await endAtTeardown({ kind: 'process', process: await identityOf(child.pid) });
 *     … wait until it answers …
 *     return { brokers: ['127.0.0.1:9092'] };
 *   },
 *   parse: (value) => schema.parse(value),
 * });
 * ```
 *
 * Exactly one caller starts it: the one that makes the lock folder. The others wait for the file with its outcome. A
 * start that failed is not tried again within the run: all get `shared_start_failed` with the first one's message.
 */
export async function startedOnce<State>(thing: SharedThing<State>): Promise<State> {
  const run = testRunFolder();
  if (run === undefined) {
    throw new TestingError(
      'no_test_run',
      `no test run is open to share ${thing.name} in: run vitest from the repository's root, or call openTestRun()`,
    );
  }
  const lock = path.join(run, `${thing.name}.lock`);
  const outcomeFile = path.join(run, `${thing.name}.outcome.json`);
  if (await takeLock(lock)) await writeOutcome(outcomeFile, await startIn(run, thing));
  const outcome = await waitForOutcome(thing, lock, outcomeFile);
  if ('error' in outcome) throw new TestingError('shared_start_failed', `${thing.name}: ${outcome.error}`);
  return thing.parse(outcome.state);
}

async function startIn<State>(run: string, thing: SharedThing<State>): Promise<Outcome> {
  const folder = path.join(run, thing.name);
  let endings = 0;
  try {
    await mkdir(folder, { mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
    const state = await thing.start({
      folder,
      async endAtTeardown(ending) {
        // Names sort by time, so that the last started is the first ended.
        const order = `${Date.now()}-${String(endings).padStart(4, '0')}-${thing.name}`;
        endings += 1;
        await writeFile(path.join(run, ENDINGS_FOLDER, order), JSON.stringify(ending));
      },
    });
    return { state };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

async function takeLock(lock: string): Promise<boolean> {
  try {
    await mkdir(lock);
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'EEXIST') return false;
    throw error;
  }
  await writeFile(path.join(lock, 'holder.json'), JSON.stringify(await identityOf(process.pid)));
  return true;
}

async function writeOutcome(file: string, outcome: Outcome): Promise<void> {
  const partial = `${file}.${randomUUID()}`;
  await writeFile(partial, JSON.stringify(outcome));
  await rename(partial, file);
}

async function waitForOutcome(thing: SharedThing<unknown>, lock: string, file: string): Promise<Outcome> {
  const timeoutMs = thing.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const outcome = await readOutcome(file);
    if (outcome !== undefined) return outcome;
    if (await holderDied(lock)) {
      // Read once more: it may have written the outcome and then ended in order.
      return (await readOutcome(file)) ?? { error: 'the process that was starting it died' };
    }
    if (performance.now() > deadline) {
      throw new TestingError('shared_start_failed', `${thing.name} did not start within ${timeoutMs} ms`);
    }
    await sleep(POLL_MS);
  }
}

async function readOutcome(file: string): Promise<Outcome | undefined> {
  try {
    const outcome: Outcome = JSON.parse(await readFile(file, 'utf8'));
    return outcome;
  } catch {
    return undefined;
  }
}

async function holderDied(lock: string): Promise<boolean> {
  try {
    const holder: ProcessIdentity = JSON.parse(await readFile(path.join(lock, 'holder.json'), 'utf8'));
    return !(await isAlive(holder));
  } catch {
    // Not written yet.
    return false;
  }
}
