import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';

/** The core that what is measured runs on, alone; and the one for everything else. */
export const MEASURED_CORE = 0;
export const OTHER_CORE = 1;

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;

/** Whether processes can be kept to one core here. */
export function canPin(): boolean {
  if (availableParallelism() < 2) return false;
  try {
    execFileSync('taskset', ['-p', String(process.pid)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Keeps this process, and what it starts from now on, to one core. */
export function pinSelf(core: number): void {
  execFileSync('taskset', ['-a', '-c', '-p', String(core), String(process.pid)], { stdio: 'ignore' });
}

export interface PinnedProcess {
  readonly pid: number;
  stop(): Promise<void>;
}

export interface PinnedProcessOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Null: wherever the scheduler likes. */
  readonly core: number | null;
  /** Asked until it answers 2xx. */
  readonly readyUrl: string;
}

/** Starts a Node process on one core and waits until it is ready. @throws Error with what it wrote, if it ends first */
export async function startPinned(options: PinnedProcessOptions): Promise<PinnedProcess> {
  const command = [process.execPath, ...options.args];
  const pinned = options.core === null ? command : ['taskset', '-c', String(options.core), ...command];
  const [program = '', ...args] = pinned;
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-4000);
    });
  }
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} could not be started`);
  try {
    await ready(child, options.readyUrl);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${options.args.join(' ')} did not become ready: ${output}`, { cause: error });
  }
  return { pid, stop: () => stop(child) };
}

async function ready(child: ChildProcess, url: string): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (child.exitCode === null && performance.now() < deadline) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
      await response.arrayBuffer();
      if (response.ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(child.exitCode === null ? 'not in time' : `ended with ${child.exitCode}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}
