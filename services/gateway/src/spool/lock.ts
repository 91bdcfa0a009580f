import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SpoolError } from './errors.ts';

export interface FolderLock {
  release(): void;
}

/** A connection that is collected as garbage would give up its lock. */
const held = new Set<DatabaseSync>();

/**
 * Takes a folder for this process alone. Node has no flock of its own; SQLite's exclusive lock is one that the
 * kernel keeps (POSIX record lock), so it ends with the process however that ends, holds between containers
 * that share a volume, and needs no guess about process ids that were given out again.
 *
 * @throws SpoolError `spool-locked` naming the process that has it
 */
export function lockFolder(folder: string): FolderLock {
  const ownerFile = join(folder, 'lock.pid');
  const database = new DatabaseSync(join(folder, 'lock.sqlite'));
  try {
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw new SpoolError(
      'spool-locked',
      `the spool ${folder} is in use by process ${ownerOf(ownerFile)}: stop that gateway, or give this one a folder of its own`,
      { cause: error },
    );
  }
  writeFileSync(ownerFile, `${process.pid}\n`);
  held.add(database);
  return {
    release: () => {
      if (held.delete(database)) database.close();
    },
  };
}

function ownerOf(file: string): string {
  try {
    return readFileSync(file, 'latin1').trim().slice(0, 20);
  } catch {
    return 'unknown';
  }
}
