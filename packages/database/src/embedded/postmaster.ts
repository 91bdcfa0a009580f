import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { DatabaseError } from '../errors.ts';
import { identityOf, type ProcessIdentity, signalProcess, waitForEnd } from './process-identity.ts';

/** What the server wrote into `postmaster.pid`. */
export type Postmaster = {
  readonly process: ProcessIdentity;
  readonly port: number;
  readonly ready: boolean;
};

const run = promisify(execFile);
const FAST_STOP_MS = 30_000;
const IMMEDIATE_STOP_MS = 10_000;
const KILL_MS = 5_000;

/**
 * The live server of the data directory, if there is one. `postmaster.pid` names a process, which may have ended
 * without removing the file, and its id may be another's by now: it counts only if it is a process that works in
 * this very directory.
 */
export async function findPostmaster(server: string): Promise<Postmaster | undefined> {
  let lines: string[];
  try {
    lines = (await readFile(path.join(server, 'postmaster.pid'), 'utf8')).split('\n');
  } catch {
    return undefined;
  }
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const identity = await identityOf(pid);
  if (identity === undefined || !(await worksIn(pid, server))) return undefined;
  return { process: identity, port: Number(lines[3] ?? 0), ready: lines[7]?.trim() === 'ready' };
}

/**
 * Stops the server: "fast" (clients are cut off, what is committed is written), then "immediate" (the next start
 * recovers from the log), then by force.
 */
export async function stopPostmaster(server: string, identity: ProcessIdentity): Promise<void> {
  const steps = [
    ['SIGINT', FAST_STOP_MS],
    ['SIGQUIT', IMMEDIATE_STOP_MS],
    ['SIGKILL', KILL_MS],
  ] as const;
  for (const [signal, timeoutMs] of steps) {
    if (!(await signalProcess(identity, signal)) || (await waitForEnd(identity, timeoutMs))) {
      return clearRemains(server);
    }
  }
  throw new DatabaseError(
    'embedded_stop_failed',
    `Postgres (process ${identity.pid}) does not end: end it by hand`,
  );
}

/**
 * Clears the way for a start when the main process has ended: waits for the server's other processes, which notice by
 * themselves, and ends those that do not, for while one of them lives, Postgres rightly refuses to start on the
 * directory; then removes a left-over `postmaster.pid`, whose process id may be another's by now, which Postgres would
 * take for a running server.
 */
export async function clearRemains(server: string): Promise<void> {
  for (const identity of await processesIn(server)) {
    if (await waitForEnd(identity, KILL_MS)) continue;
    await signalProcess(identity, 'SIGKILL');
    await waitForEnd(identity, KILL_MS);
  }
  // Elsewhere the remains are not known, and the file is what keeps two servers apart.
  if (process.platform === 'linux' && (await findPostmaster(server)) === undefined) {
    await rm(path.join(server, 'postmaster.pid'), { force: true });
  }
}

async function worksIn(pid: number, server: string): Promise<boolean> {
  try {
    if (process.platform === 'linux') return (await readlink(`/proc/${pid}/cwd`)) === server;
    const { stdout } = await run('ps', ['-o', 'command=', '-p', String(pid)]);
    return stdout.includes('postgres') && stdout.includes(server);
  } catch {
    return false;
  }
}

/** Every process that works in the data directory. Only Linux tells; elsewhere none are found. */
async function processesIn(server: string): Promise<ProcessIdentity[]> {
  if (process.platform !== 'linux') return [];
  const found: ProcessIdentity[] = [];
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || !(await worksIn(pid, server))) continue;
    const identity = await identityOf(pid);
    if (identity !== undefined) found.push(identity);
  }
  return found;
}
