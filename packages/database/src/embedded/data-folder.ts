import { randomBytes, randomUUID } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { DatabaseError } from '../errors.ts';
import { type Account, canEnter } from './account.ts';
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.ts';

/** Where things are. Everything but `server` belongs to whoever starts the server. */
export type DataFolder = {
  readonly folder: string;
  /** What the server calls its data directory, with symbolic links resolved; it need not exist yet. */
  readonly server: string;
  readonly password: string;
  readonly log: string;
};

/** Where root keeps the data of servers whose own folder their account cannot enter. */
const RELOCATED = '/var/lib/tollgate/postgres';
const PASSWORD_BYTES = 24;
const OWNER_FILE = 'owner.json';
const LOG_LIMIT_BYTES = 16 * 1024 * 1024;

/**
 * Prepares the folder: `server/` with the data, `password` (0600), `postgres.log`, `owner.json`. Started by root from
 * under a folder that the server's account cannot enter, the data lies in {@link RELOCATED}, and `server` is a
 * symbolic link to it.
 */
export async function prepareDataFolder(
  folder: string,
  account: Account | undefined,
  relocated: string = RELOCATED,
): Promise<DataFolder> {
  const resolved = path.resolve(folder);
  await mkdir(resolved, { recursive: true });
  await chmod(resolved, account === undefined ? 0o700 : 0o711);
  const server = path.join(resolved, 'server');
  if (!(await existsItself(server)) && !(await canEnter(resolved, account))) {
    const elsewhere = path.join(relocated, randomUUID());
    await mkdir(elsewhere, { recursive: true, mode: 0o711 });
    await symlink(path.join(elsewhere, 'server'), server);
  }
  const log = path.join(resolved, 'postgres.log');
  await rotateLog(log);
  return {
    folder: resolved,
    server: await resolveLink(server),
    password: path.join(resolved, 'password'),
    log,
  };
}

/** Removes the folder and, where the data lies elsewhere, that too. The server must have stopped. */
export async function removeDataFolder(data: DataFolder): Promise<void> {
  await rm(data.server, { recursive: true, force: true });
  // Elsewhere, the data had a folder of their own around them, which goes too.
  if (path.dirname(data.server) !== (await realpath(data.folder))) await rmdir(path.dirname(data.server));
  await rm(data.folder, { recursive: true, force: true });
}

/** The server's superuser password, made at the first call. */
export async function superuserPassword(data: DataFolder): Promise<string> {
  try {
    await writeFile(data.password, randomBytes(PASSWORD_BYTES).toString('base64url'), {
      mode: 0o600,
      flag: 'wx',
    });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  return readFile(data.password, 'utf8');
}

/**
 * Marks the folder as run by this process, so that no second one adopts or stops a server that is in use. The mark of
 * a process that has died counts for nothing. Throws `embedded_in_use`.
 */
export async function claim(data: DataFolder): Promise<() => Promise<void>> {
  const file = path.join(data.folder, OWNER_FILE);
  const own = await identityOf(process.pid);
  if (own === undefined) throw new Error('this process does not see itself among the processes');
  for (;;) {
    try {
      await writeFile(file, JSON.stringify(own), { flag: 'wx' });
      return () => rm(file, { force: true });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const owner = await readOwner(file);
    if (owner !== undefined && (await isAlive(owner))) {
      throw new DatabaseError(
        'embedded_in_use',
        `process ${owner.pid} already runs the Postgres of ${data.folder}: stop it, or use another data folder`,
      );
    }
    await rm(file, { force: true });
  }
}

/** Hands a folder and what is in it to the server's account. */
export async function handOver(file: string, account: Account | undefined): Promise<void> {
  if (account !== undefined) await chown(file, account.uid, account.gid);
}

async function readOwner(file: string): Promise<ProcessIdentity | undefined> {
  try {
    const owner: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof owner !== 'object' || owner === null) return undefined;
    const pid: unknown = Reflect.get(owner, 'pid');
    const startedAt: unknown = Reflect.get(owner, 'startedAt');
    return typeof pid === 'number' && typeof startedAt === 'string' ? { pid, startedAt } : undefined;
  } catch {
    return undefined;
  }
}

async function rotateLog(log: string): Promise<void> {
  try {
    if ((await stat(log)).size > LOG_LIMIT_BYTES) await rename(log, `${log}.1`);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

async function existsItself(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  );
}

/** Resolves the link and its folder, whether or not what it points to exists. */
async function resolveLink(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch {
    const target = await readlink(file).catch(() => file);
    return path.join(await realpath(path.dirname(target)), path.basename(target));
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, 'code') : undefined;
}
