import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf, isAlive } from '@tollgate/database/embedded';
import { z } from 'zod';
import { CONNECTION_FILE, type Home } from './home.ts';
import { writeSecretFile } from './secret-file.ts';

/** How to reach the Tollgate of a folder, and which process it is. */
const connection = z.object({
  process: z.object({ pid: z.int(), startedAt: z.string() }),
  /** By service. */
  urls: z.record(z.string(), z.url()),
  /** Holds the token of the folder's owner. */
  token_file: z.string(),
});
export type Connection = z.output<typeof connection>;

/** @param urls by service, the gateway's included */
export async function writeConnection(home: Home, urls: Readonly<Record<string, string>>): Promise<void> {
  const own = await identityOf(process.pid);
  if (own === undefined) throw new Error('this process does not see itself among the processes');
  const found: Connection = { process: own, urls: { ...urls }, token_file: home.ownerToken };
  writeSecretFile(home.connection, `${JSON.stringify(found, null, 2)}\n`);
}

/** What the folder's last start wrote; null where there was none, or another account wrote it. */
export function readConnection(folder: string): Connection | null {
  const file = join(folder, CONNECTION_FILE);
  try {
    const { uid } = statSync(file);
    if (process.getuid !== undefined && uid !== process.getuid()) return null;
    return connection.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}

/** Whether the process that wrote it still runs. */
export function isRunning(found: Connection): Promise<boolean> {
  return isAlive(found.process);
}
