import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { DatabaseError } from '../errors.ts';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';
import { type DataFolder, handOver } from './data-folder.ts';

export const SUPERUSER = 'tollgate_owner';

const run = promisify(execFile);
const INITDB_TIMEOUT_MS = 120_000;

/** Loopback and a password, whatever the caller's network settings are. */
const HBA = 'host all all 127.0.0.1/32 scram-sha-256\n';

/**
 * Makes the data directory unless it is there, in a folder aside that is renamed at the end, so that an interrupted
 * start leaves nothing half made. Byte order for collation: the same on every system, and for ever.
 */
export async function initialise(
  data: DataFolder,
  options: {
    readonly binaries: Binaries;
    readonly account: Account | undefined;
    readonly password: string;
    readonly sync: boolean;
  },
): Promise<void> {
  if (existsSync(path.join(data.server, 'PG_VERSION'))) return checkVersion(data, options.binaries);
  const parent = path.dirname(data.server);
  const partial = path.join(parent, 'server.partial');
  const passwordFile = path.join(parent, 'initdb.password');
  try {
    await rm(partial, { recursive: true, force: true });
    await makePartial(partial, options.account);
    await writeFile(passwordFile, options.password, { mode: 0o600 });
    await handOver(passwordFile, options.account);
    await run(
      options.binaries.initdb,
      [
        `--pgdata=${partial}`,
        `--username=${SUPERUSER}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--no-instructions',
        ...(options.sync ? [] : ['--no-sync']),
      ],
      { ...runAs(options.account), cwd: parent, env: serverEnvironment(), timeout: INITDB_TIMEOUT_MS },
    );
    await writeFile(path.join(partial, 'pg_hba.conf'), HBA);
    await rename(partial, data.server);
  } catch (cause) {
    const said =
      cause instanceof Error ? `${Reflect.get(cause, 'stderr') ?? ''}`.trim() || cause.message : cause;
    throw new DatabaseError(
      'embedded_start_failed',
      `cannot make a Postgres data folder in ${parent}: ${said}`,
      {
        cause,
      },
    );
  } finally {
    await rm(passwordFile, { force: true });
    await rm(partial, { recursive: true, force: true });
  }
}

/** Options of `child_process` that run a program as the account. */
export function runAs(account: Account | undefined): { uid?: number; gid?: number } {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid };
}

/** The server gets nothing of our environment, which may hold secrets and PG* variables. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

async function makePartial(partial: string, account: Account | undefined): Promise<void> {
  await mkdir(partial, { mode: 0o700 });
  await handOver(partial, account);
}

async function checkVersion(data: DataFolder, binaries: Binaries): Promise<void> {
  const version = Number((await readFile(path.join(data.server, 'PG_VERSION'), 'utf8')).trim());
  if (version !== binaries.majorVersion) {
    throw new DatabaseError(
      'embedded_start_failed',
      `${data.server} was made by Postgres ${version}, the embedded server is ${binaries.majorVersion}: dump it with the release that made it, and load the dump into a new folder`,
    );
  }
}
