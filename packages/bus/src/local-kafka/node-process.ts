import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BusError } from '../errors.ts';

const STARTED = 'Kafka Server started';
/** Seen up to 26 s on a loaded machine. */
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 50;
const QUOTED_LOG_CHARACTERS = 2_000;
const HEAP = '-Xmx384m';

export type NodeFiles = {
  readonly folder: string;
  readonly properties: string;
  readonly log4j: string;
  readonly classPath: string;
  /** Whether the node lives on when we end without stopping it. */
  readonly outlivesUs: boolean;
};

/** One running broker process, and the guard that ends it should we die first. */
export type NodeProcess = {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Resolves once the process is gone. */
  readonly exited: Promise<void>;
  /** SIGTERM, then SIGKILL after a deadline. */
  stop(): Promise<void>;
};

/** Starts a formatted node; `ready` is apart, because the first nodes of a cluster wait for the others. */
export async function spawnNode(files: NodeFiles): Promise<NodeProcess & { ready(): Promise<void> }> {
  const logFile = path.join(files.folder, 'server.log');
  const log = await open(logFile, 'a');
  const logStart = (await log.stat()).size;
  const child = spawn(
    'java',
    [
      HEAP,
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      `-Dlog4j2.configurationFile=${files.log4j}`,
      '-cp',
      files.classPath,
      'kafka.Kafka',
      files.properties,
    ],
    // A group of its own: an interrupt at the terminal is ours to pass on, after the clients have let go.
    { stdio: ['ignore', log.fd, log.fd], detached: true },
  );
  const exited = once(child, 'exit').then(() => {});
  await log.close();
  const { pid } = child;
  if (pid === undefined) throw new BusError('kafka-start-failed', 'java could not be started');
  if (files.outlivesUs) {
    child.unref();
  } else {
    const guard = spawnGuard(pid);
    exited.then(() => guard.kill('SIGKILL')).catch(() => {});
  }

  return {
    pid,
    exited,
    kill: (signal) => void child.kill(signal),
    ready: () => waitForStart(child, logFile, logStart),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      // Not to be waited for by a process that has nothing else to do.
      const late = sleep(STOP_TIMEOUT_MS, false, { ref: false });
      const stopped = await Promise.race([exited.then(() => true), late]);
      if (!stopped) child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Waits for the end of its standard input, which comes when we end however we end, and then kills the node. */
function spawnGuard(pid: number): ChildProcess {
  const guard = spawn('sh', ['-c', `cat >/dev/null; kill -9 ${pid}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.on('error', () => {});
  guard.unref();
  return guard;
}

async function waitForStart(child: ChildProcess, logFile: string, logStart: number): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const text = (await readFile(logFile)).subarray(logStart).toString('utf8');
    if (text.includes(STARTED)) return;
    const gone = child.exitCode !== null || child.signalCode !== null;
    if (gone || performance.now() > deadline) {
      throw new BusError(
        'kafka-start-failed',
        `the local Kafka ${gone ? 'ended at its start' : `was not up after ${START_TIMEOUT_MS / 1000} s`}; the end of ${logFile}: ${text.slice(-QUOTED_LOG_CHARACTERS)}`,
      );
    }
    await sleep(POLL_MS);
  }
}
