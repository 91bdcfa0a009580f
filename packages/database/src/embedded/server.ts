import { readFile } from 'node:fs/promises';
import type { Logger } from '@tollgate/telemetry';
import { connect } from '../connection.ts';
import { type Account, serverAccount } from './account.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import {
  claim,
  type DataFolder,
  prepareDataFolder,
  removeDataFolder,
  superuserPassword,
} from './data-folder.ts';
import { initialise, SUPERUSER } from './initialise.ts';
import { launch, type Settings, serverArguments } from './launch.ts';
import { clearRemains, findPostmaster, type Postmaster, stopPostmaster } from './postmaster.ts';
import { type ProcessIdentity, signalProcess, waitForEnd } from './process-identity.ts';

export type EmbeddedPostgresOptions = {
  /** A folder of the server's own, made if missing. */
  readonly dataFolder: string;
  /** TCP port on 127.0.0.1; 0, the default, takes a free one. */
  readonly port?: number;
  /** Server parameters that differ from ours, by name. */
  readonly settings?: Settings;
  readonly logger?: Logger;
};

export type EmbeddedPostgres = {
  /** URL of the database `tollgate`, as superuser: for migrations, not for services. Holds the password. */
  readonly url: string;
  readonly port: number;
  /** The server's main process, now. */
  readonly pid: number;
  /** Of that process, told apart from a later one of the same id. */
  readonly process: ProcessIdentity;
  /** Stops in order ("fast": clients are cut off, what is committed is safe). Idempotent. */
  stop(): Promise<void>;
  /** Stops in order and starts again on the same port. */
  restart(): Promise<void>;
  /** SIGKILLs the main process, as a crash would, and waits for the others to end. `restart` recovers. */
  kill(): Promise<void>;
  /** Stops and removes everything, data included. */
  destroy(): Promise<void>;
};

const DATABASE = 'tollgate';
const KILL_TIMEOUT_MS = 5_000;

/**
 * Starts the Postgres of a data folder, making the folder at the first start. A server that outlived its killed
 * parent is adopted if it runs with the same settings and port, else stopped and started anew. Throws
 * `embedded_in_use`, `embedded_start_failed`, `embedded_unsupported`.
 *
 * Nothing stops the server when this process ends without calling `stop`; the next start finds it.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const account = await serverAccount();
  const binaries = await findBinaries(account);
  const data = await prepareDataFolder(options.dataFolder, account);
  const release = await claim(data);
  try {
    const password = await superuserPassword(data);
    const start: Start = { options, account, binaries, data, password };
    await initialise(data, { binaries, account, password, sync: options.settings?.['fsync'] !== false });
    const running = (await adopt(start)) ?? (await launchAnew(start, options.port ?? 0));
    await ensureDatabase(start, running.port);
    return serverOn(start, running, release);
  } catch (error) {
    await release();
    throw error;
  }
}

type Start = {
  readonly options: EmbeddedPostgresOptions;
  readonly account: Account | undefined;
  readonly binaries: Binaries;
  readonly data: DataFolder;
  readonly password: string;
};

function serverOn(start: Start, first: Postmaster, release: () => Promise<void>): EmbeddedPostgres {
  const { data, options } = start;
  let running = first;
  return {
    url: urlOf(start, running.port, DATABASE),
    port: running.port,
    get pid() {
      return running.process.pid;
    },
    get process() {
      return running.process;
    },
    async stop() {
      await stopPostmaster(data.server, running.process);
      await release();
      options.logger?.info({ folder: data.folder }, 'embedded Postgres stopped');
    },
    async restart() {
      await stopPostmaster(data.server, running.process);
      running = await launchAnew(start, running.port);
    },
    async kill() {
      await signalProcess(running.process, 'SIGKILL');
      await waitForEnd(running.process, KILL_TIMEOUT_MS);
      await clearRemains(data.server);
    },
    async destroy() {
      await stopPostmaster(data.server, running.process);
      await removeDataFolder(data);
    },
  };
}

/** Takes over a server left running, if it is what would be started; stops it otherwise. */
async function adopt(start: Start): Promise<Postmaster | undefined> {
  const { data, options } = start;
  const found = await findPostmaster(data.server);
  if (found === undefined) {
    await clearRemains(data.server);
    return undefined;
  }
  const wanted = options.port === undefined || options.port === 0 || options.port === found.port;
  if (wanted && found.ready && (await runsWith(found, start)) && (await answers(start, found.port))) {
    options.logger?.info(
      { folder: data.folder, pid: found.process.pid, port: found.port },
      'embedded Postgres adopted',
    );
    return found;
  }
  options.logger?.warn(
    { folder: data.folder, pid: found.process.pid },
    'stopping an embedded Postgres left running',
  );
  await stopPostmaster(data.server, found.process);
  return undefined;
}

async function launchAnew(start: Start, port: number): Promise<Postmaster> {
  const { data, options, account, binaries } = start;
  const running = await launch(data, { binaries, account, settings: options.settings ?? {}, port });
  options.logger?.info(
    { folder: data.folder, data: data.server, pid: running.process.pid, port: running.port },
    'embedded Postgres started',
  );
  return running;
}

/** Whether the server was started by this release with these settings. Only Linux tells; elsewhere: no. */
async function runsWith(found: Postmaster, { binaries, data, options }: Start): Promise<boolean> {
  try {
    const commandLine = await readFile(`/proc/${found.process.pid}/cmdline`, 'utf8');
    const expected = [binaries.postgres, ...serverArguments(data, options.settings ?? {}, found.port)];
    return commandLine === `${expected.join('\0')}\0`;
  } catch {
    return false;
  }
}

async function answers(start: Start, port: number): Promise<boolean> {
  try {
    const client = await connect({
      url: urlOf(start, port, 'postgres'),
      applicationName: 'tollgate-embedded',
    });
    await client.end();
    return true;
  } catch {
    return false;
  }
}

async function ensureDatabase(start: Start, port: number): Promise<void> {
  const client = await connect({ url: urlOf(start, port, 'postgres'), applicationName: 'tollgate-embedded' });
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
}

function urlOf(start: Start, port: number, database: string): string {
  return `postgres://${SUPERUSER}:${start.password}@127.0.0.1:${port}/${database}`;
}
