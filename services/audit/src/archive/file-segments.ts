import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { AuditError } from '../errors.ts';
import { isMissing } from '../files/error-code.ts';
import { syncFolder } from '../files/sync-folder.ts';
import type { SegmentStore } from './segment-store.ts';

/** Open files at most, writing and reading alike. */
const MAX_OPEN_FILES = 32;

type OpenFile = { readonly handle: Promise<FileHandle>; uses: number };

/** Segments as files below a folder, which is made if missing. */
export async function openFileSegments(folder: string): Promise<SegmentStore> {
  await mkdir(folder, { recursive: true, mode: 0o750 });
  const reading = new Map<string, OpenFile>();
  let writing: { readonly name: string; readonly handle: FileHandle; bytes: number; named: boolean } | null =
    null;

  async function writer(name: string): Promise<NonNullable<typeof writing>> {
    if (writing?.name === name) return writing;
    await writing?.handle.close();
    writing = null;
    const handle = await openOrCreate(path.join(folder, name));
    writing = { name, handle, bytes: (await handle.stat()).size, named: false };
    return writing;
  }

  async function withReader<T>(name: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
    const file = reading.get(name) ?? { handle: open(path.join(folder, name), 'r'), uses: 0 };
    // Put back at the end, so that the least recently used comes first. Counted before the first wait, so that
    // nobody closes it meanwhile.
    reading.delete(name);
    reading.set(name, file);
    file.uses += 1;
    try {
      return await use(await file.handle);
    } catch (error) {
      if (!isMissing(error)) throw error;
      reading.delete(name);
      throw new AuditError('archive_truncated', `segment ${name} is missing: restore it from a backup`, {
        cause: error,
      });
    } finally {
      file.uses -= 1;
      await closeUnused(reading);
    }
  }

  return {
    async write(name, offset, bytes) {
      const file = await writer(name);
      if (file.bytes > offset + bytes.length) await file.handle.truncate(offset);
      let written = 0;
      while (written < bytes.length) {
        const result = await file.handle.write(bytes, written, bytes.length - written, offset + written);
        written += result.bytesWritten;
      }
      file.bytes = offset + bytes.length;
    },
    async sync(name) {
      const file = await writer(name);
      await file.handle.datasync();
      if (!file.named) {
        await syncFolder(path.dirname(path.join(folder, name)));
        file.named = true;
      }
    },
    read(name, offset, length) {
      return withReader(name, async (handle) => {
        const bytes = Buffer.allocUnsafe(length);
        let filled = 0;
        while (filled < length) {
          const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return bytes.subarray(0, filled);
      });
    },
    async size(name) {
      try {
        return (await stat(path.join(folder, name))).size;
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    async close() {
      await writing?.handle.close();
      writing = null;
      const handles = await Promise.allSettled([...reading.values()].map(({ handle }) => handle));
      reading.clear();
      for (const handle of handles) if (handle.status === 'fulfilled') await handle.value.close();
    },
  };
}

async function openOrCreate(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'r+');
  } catch (error) {
    if (!isMissing(error)) throw error;
    return open(file, 'w+', 0o640);
  }
}

async function closeUnused(reading: Map<string, OpenFile>): Promise<void> {
  const surplus: OpenFile[] = [];
  for (const [name, file] of reading) {
    if (reading.size <= MAX_OPEN_FILES) break;
    if (file.uses > 0) continue;
    reading.delete(name);
    surplus.push(file);
  }
  for (const { handle } of surplus) await (await handle).close();
}
