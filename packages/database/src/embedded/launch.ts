import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseError } from '../errors.ts';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';
import type { DataFolder } from './data-folder.ts';
import { freePort } from './free-port.ts';
import { runAs, serverEnvironment } from './initialise.ts';
import { findPostmaster, type Postmaster } from './postmaster.ts';

export type Settings = Readonly<Record<string, string | number | boolean>>;

/** Recovery after a crash is part of starting, hence the patience. */
const START_TIMEOUT_MS = 120_000;
const POLL_MS = 5;
const PORT_ATTEMPTS = 5;
const LOG_TAIL_BYTES = 2_000;

/**
 * Durable, small, reachable over loopback only. Errors in the log come without statements and values, which may hold
 * secrets.
 */
const DEFAULT_SETTINGS: Settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: 200,
  shared_buffers: '64MB',
  max_wal_size: '512MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: false,
  jit: false,
};

/** The program's arguments, which on Linux also tell later what a running server was started with. */
export function serverArguments(data: DataFolder, settings: Settings, port: number): string[] {
  const merged = Object.entries({ ...DEFAULT_SETTINGS, ...settings, port });
  return ['-D', data.server, ...merged.flatMap(([name, value]) => ['-c', `${name}=${settingText(value)}`])];
}

/** Starts the server and waits until it takes connections. Port 0 means a free one. Throws `embedded_start_failed`. */
export async function launch(
  data: DataFolder,
  options: {
    readonly binaries: Binaries;
    readonly account: Account | undefined;
    readonly settings: Settings;
    readonly port: number;
  },
): Promise<Postmaster> {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port === 0 ? await freePort() : options.port;
    try {
      return await launchOn(port, data, options);
    } catch (error) {
      // Between our looking for a free port and the server's taking it, another process may have.
      const taken = error instanceof Error && error.message.includes('Address already in use');
      if (options.port !== 0 || !taken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function launchOn(
  port: number,
  data: DataFolder,
  options: {
    readonly binaries: Binaries;
    readonly account: Account | undefined;
    readonly settings: Settings;
  },
): Promise<Postmaster> {
  const log = await open(data.log, 'a', 0o600);
  const { size: logStart } = await log.stat();
  let failure: string | undefined;
  try {
    // Detached, so that Ctrl-C at the terminal reaches us alone, and we stop the server when all else has ended.
    const child = spawn(options.binaries.postgres, serverArguments(data, options.settings, port), {
      ...runAs(options.account),
      cwd: data.server,
      env: serverEnvironment(),
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    child.on('error', (error) => {
      failure = error.message;
    });
    child.on('exit', (code, signal) => {
      failure ??= `it ended with ${signal ?? `code ${code}`}`;
    });
    child.unref();
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (failure === undefined && performance.now() < deadline) {
      const postmaster = await findPostmaster(data.server);
      if (postmaster?.ready === true && postmaster.process.pid === child.pid) return postmaster;
      await sleep(POLL_MS);
    }
    if (failure === undefined) child.kill('SIGQUIT');
  } finally {
    await log.close();
  }
  const said = (await readFile(data.log)).subarray(logStart).toString('utf8').slice(-LOG_TAIL_BYTES).trim();
  throw new DatabaseError(
    'embedded_start_failed',
    `Postgres did not start in ${data.folder}: ${failure ?? `not ready after ${START_TIMEOUT_MS} ms`}. Its log says: ${said}`,
  );
}

function settingText(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
}
