import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { CHECKPOINT_PATH, type WrittenResource } from '@tollgate/transparency-log';
import { AuditError } from '../errors.ts';
import { errorCode, isMissing } from '../files/error-code.ts';
import { syncFolder } from '../files/sync-folder.ts';
import { inParallel } from './in-parallel.ts';
import type { TileStore } from './tile-store.ts';

/** Files written at once: no more than the threads that do it. */
const PARALLEL_WRITES = 4;
/** Files between their writing and their sync. */
const MAX_OPEN_FILES = 64;

type File = { readonly path: string; readonly bytes: Uint8Array | string };
type Draft = { readonly draft: string; readonly target: string; readonly handle: FileHandle };

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

  /**
   * Writes beside the places and moves there what is durable, so that a file is there whole or not at all. Phase by
   * phase: a sync between each two writes would have the file system commit its journal for every file.
   */
  async function put(files: readonly File[]): Promise<void> {
    const drafts: Draft[] = [];
    try {
      await inParallel(PARALLEL_WRITES, files, async ({ path: name, bytes }) => {
        const target = path.join(folder, name);
        const draft = `${target}.${randomUUID()}.tmp`;
        await mkdir(path.dirname(target), { recursive: true, mode: 0o750 });
        const handle = await open(draft, 'wx', 0o640);
        drafts.push({ draft, target, handle });
        await handle.writeFile(bytes);
      });
      await inParallel(PARALLEL_WRITES, drafts, ({ handle }) => handle.datasync());
      await inParallel(PARALLEL_WRITES, drafts, ({ draft, target }) => rename(draft, target));
    } catch (error) {
      await inParallel(PARALLEL_WRITES, drafts, ({ draft }) => rm(draft, { force: true }));
      throw error;
    } finally {
      await inParallel(PARALLEL_WRITES, drafts, ({ handle }) => handle.close());
    }
  }

  /** Those that are not there yet. */
  async function lacking(resources: readonly WrittenResource[]): Promise<WrittenResource[]> {
    const lacking: WrittenResource[] = [];
    await inParallel(PARALLEL_WRITES, resources, async (resource) => {
      const existing = await read(resource.path);
      if (existing === undefined) lacking.push(resource);
      else if (!existing.equals(resource.bytes)) {
        throw new AuditError(
          'log_forked',
          `${resource.path} of the log holds other bytes than the log: it was changed, or another log writes to this folder`,
        );
      }
    });
    return lacking;
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
      await inParallel(PARALLEL_WRITES, [...dirty], syncFolder);
    } catch (error) {
      for (const each of dirty) if (each !== folder) settled.delete(each);
      throw error;
    }
  }

  return {
    read,
    async write(resources) {
      for (let at = 0; at < resources.length; at += MAX_OPEN_FILES) {
        await put(await lacking(resources.slice(at, at + MAX_OPEN_FILES)));
      }
      // Also of those that were there: whoever put them there may have ended before their names were durable.
      await settle(new Set(resources.map((each) => path.dirname(path.join(folder, each.path)))));
    },
    async writeCheckpoint(note) {
      await put([{ path: CHECKPOINT_PATH, bytes: note }]);
      await syncFolder(folder);
    },
    async discardPartials(resources) {
      const full = resources.filter((each) => each.full);
      await inParallel(PARALLEL_WRITES, full, async ({ path: name }) => {
        const partials = path.join(folder, `${name}.p`);
        settled.delete(partials);
        await rm(partials, { recursive: true, force: true });
      });
    },
  };
}

/** Also where a folder above it is a file: nothing can be there. */
function isAbsent(error: unknown): boolean {
  return isMissing(error) || errorCode(error) === 'ENOTDIR';
}
