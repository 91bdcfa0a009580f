import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { CHECKPOINT_PATH, type WrittenResource } from '@tollgate/transparency-log';
import { AuditError } from '../errors.ts';
import type { TileStore } from './tile-store.ts';

/** Files written at once: no more than the threads that do it. */
const PARALLEL_WRITES = 4;

/** Tiles as files below a folder, which is made if missing, laid out so that any static file server can serve it. */
export async function openFileTiles(folder: string): Promise<TileStore> {
  await mkdir(folder, { recursive: true, mode: 0o750 });
  /** Folders whose own names are durable. */
  const settled = new Set<string>([folder]);

  async function read(name: string): Promise<Buffer | undefined> {
    try {
      return await readFile(path.join(folder, name));
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  /** Writes beside the place and moves it there, so that it is there whole or not at all. */
  async function put(name: string, bytes: Uint8Array | string): Promise<void> {
    const target = path.join(folder, name);
    const draft = `${target}.${randomUUID()}.tmp`;
    await mkdir(path.dirname(target), { recursive: true, mode: 0o750 });
    try {
      const handle = await open(draft, 'wx', 0o640);
      try {
        await handle.writeFile(bytes);
        await handle.datasync();
      } finally {
        await handle.close();
      }
      await rename(draft, target);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  /** True where it was not there yet. */
  async function putOnce({ path: name, bytes }: WrittenResource): Promise<boolean> {
    const existing = await read(name);
    if (existing === undefined) {
      await put(name, bytes);
      return true;
    }
    if (!existing.equals(bytes)) {
      throw new AuditError(
        'log_forked',
        `${name} of the log holds other bytes than the log: it was changed, or another log writes to this folder`,
      );
    }
    return false;
  }

  /** Makes new names durable: of the files in these folders, and of folders above them that are new themselves. */
  async function settle(folders: Iterable<string>): Promise<void> {
    const dirty = new Set<string>();
    for (let each of folders) {
      dirty.add(each);
      while (!settled.has(each)) {
        settled.add(each);
        each = path.dirname(each);
        dirty.add(each);
      }
    }
    try {
      await inParallel([...dirty], syncFolder);
    } catch (error) {
      for (const each of dirty) if (each !== folder) settled.delete(each);
      throw error;
    }
  }

  return {
    read,
    async write(resources) {
      await inParallel(resources, putOnce);
      // Also of those that were there: whoever put them there may have ended before their names were durable.
      await settle(new Set(resources.map((each) => path.dirname(path.join(folder, each.path)))));
    },
    async writeCheckpoint(note) {
      await put(CHECKPOINT_PATH, note);
      await syncFolder(folder);
    },
    async discardPartials(resources) {
      const full = resources.filter((each) => each.full);
      await inParallel(full, async ({ path: name }) => {
        const partials = path.join(folder, `${name}.p`);
        settled.delete(partials);
        await rm(partials, { recursive: true, force: true });
      });
    },
  };
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = items.values();
  const lanes = Array.from({ length: Math.min(PARALLEL_WRITES, items.length) }, async () => {
    for (const item of left) await work(item);
  });
  await Promise.all(lanes);
}

/** Makes the names in a folder survive a loss of power. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isAbsent(error: unknown): boolean {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
