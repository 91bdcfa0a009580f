import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseError } from '../errors.ts';

/** The unprivileged account that a server started by root runs as. */
export type Account = { readonly name: string; readonly uid: number; readonly gid: number };

const ACCOUNT_FILE = '/etc/passwd';

/** `postgres` where the system has it, since nothing else runs under that name; else `nobody`. */
const CANDIDATES = ['postgres', '_postgres', 'nobody'];

/**
 * The account to run the server as: undefined for the process's own. Postgres refuses to run as root, and looks its
 * account up by name, so that a bare number will not do.
 */
export async function serverAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = parseAccounts(await readFile(ACCOUNT_FILE, 'utf8'));
  for (const name of CANDIDATES) {
    const account = accounts.find((candidate) => candidate.name === name && candidate.uid !== 0);
    if (account !== undefined) return account;
  }
  throw new DatabaseError(
    'embedded_unsupported',
    `Postgres does not run as root, and ${ACCOUNT_FILE} has neither of ${CANDIDATES.join(', ')}: start as another user`,
  );
}

export function parseAccounts(passwd: string): Account[] {
  return passwd.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    if (name === undefined || uid === undefined || gid === undefined) return [];
    return [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}

/** Whether the account may enter the folder and every folder above it. */
export async function canEnter(folder: string, account: Account | undefined): Promise<boolean> {
  if (account === undefined) return true;
  for (let current = path.resolve(folder); ; current = path.dirname(current)) {
    const { uid, gid, mode } = await stat(current);
    const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0;
    if (((mode >> shift) & 1) === 0) return false;
    if (current === path.dirname(current)) return true;
  }
}
