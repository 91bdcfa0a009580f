import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@tollgate/telemetry';
import { SimulatedDatabricksError } from '../../errors.ts';
import { sparkProgram } from './spark-program.ts';

/** Where a running Spark is reached. Plain data, so that another process can be told. */
export interface SparkAddress {
  readonly port: number;
  readonly token: string;
}

export interface SparkOptions {
  /** Holds tables, scratch files and logs; made if missing, emptied of tables. The caller removes it after the end. */
  readonly folder: string;
  /** Where jars are kept; `~/.cache/tollgate` unless given, or as TOLLGATE_CACHE says. */
  readonly cacheFolder?: string;
  /** Spark lives on when this process ends without stopping it; whoever asks for it ends it by its pid. */
  readonly outlivesUs?: boolean;
  /** Told the pid as soon as there is one, long before the start is over. */
  readonly spawned?: (pid: number) => Promise<void>;
  readonly logger?: Logger;
}

export interface SparkProcess {
  readonly pid: number;
  readonly address: SparkAddress;
  stop(): Promise<void>;
}

/** Seen: 4 s with nothing else to do; a loaded machine is ten times slower. */
const START_TIMEOUT_MS = 180_000;
const POLL_MS = 50;
const TOKEN_BYTES = 24;
const QUOTED_LOG_CHARACTERS = 2_000;
const LOG4J = `status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %c{1} %m%n
rootLogger.level=error
rootLogger.appenderRef.console.ref=console
`;

/**
 * Starts Spark and resolves once it takes statements.
 *
 * @throws LocalJavaError as `sparkProgram`; SimulatedDatabricksError `spark-start-failed`
 */
export async function startSpark(options: SparkOptions): Promise<SparkProcess> {
  const { javaArguments, mainClass } = await sparkProgram(options);
  const { folder } = options;
  await mkdir(folder, { recursive: true });
  await rm(path.join(folder, 'ready.json'), { force: true });
  // Spark forgets its tables when it ends, and will not make one where it finds files.
  await rm(path.join(folder, 'tables'), { recursive: true, force: true });
  const log4j = path.join(folder, 'log4j2.properties');
  await writeFile(log4j, LOG4J);
  const scratch = path.join(folder, 'scratch');
  await mkdir(scratch, { recursive: true });
  const logFile = path.join(folder, 'spark.log');
  const log = await open(logFile, 'a');
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const outlivesUs = options.outlivesUs ?? false;
  const child = spawn(
    'java',
    [
      `-Dlog4j2.configurationFile=${log4j}`,
      `-Djava.io.tmpdir=${scratch}`,
      ...javaArguments,
      mainClass,
      folder,
      outlivesUs ? 'outlive' : 'follow',
    ],
    {
      cwd: folder,
      // Its standard input ends when we do, however we end, and it with that.
      stdio: [outlivesUs ? 'ignore' : 'pipe', log.fd, log.fd],
      // An interrupt at the terminal is ours to pass on.
      detached: true,
      env: { ...process.env, SPARK_SERVER_TOKEN: token, SPARK_LOCAL_IP: '127.0.0.1' },
    },
  );
  const exited = once(child, 'exit').then(() => {});
  await log.close();
  if (child.pid !== undefined) await options.spawned?.(child.pid);
  const port = await waitForPort(child, folder, logFile);
  if (outlivesUs) child.unref();
  return {
    pid: child.pid ?? 0,
    address: { port, token },
    async stop() {
      // There is nothing to save: what it holds is a test's.
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exited;
    },
  };
}

async function waitForPort(child: ChildProcess, folder: string, logFile: string): Promise<number> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  let failed: Error | undefined;
  child.once('error', (error) => {
    failed = error;
  });
  for (;;) {
    const port = await readPort(path.join(folder, 'ready.json'));
    if (port !== undefined) return port;
    const gone = failed !== undefined || child.exitCode !== null || child.signalCode !== null;
    if (gone || performance.now() > deadline) {
      child.kill('SIGKILL');
      const text = await readFile(logFile, 'utf8');
      throw new SimulatedDatabricksError(
        'spark-start-failed',
        `Spark ${gone ? 'ended at its start' : `was not up after ${START_TIMEOUT_MS / 1000} s`}; the end of ${logFile}: ${text.slice(-QUOTED_LOG_CHARACTERS)}`,
        { cause: failed },
      );
    }
    await sleep(POLL_MS);
  }
}

async function readPort(file: string): Promise<number | undefined> {
  try {
    const ready: unknown = JSON.parse(await readFile(file, 'utf8'));
    const port: unknown =
      typeof ready === 'object' && ready !== null ? Reflect.get(ready, 'port') : undefined;
    return typeof port === 'number' ? port : undefined;
  } catch {
    return undefined;
  }
}
