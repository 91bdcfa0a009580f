import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { AuditError } from '../../errors.ts';
import { isMissing } from '../../files/error-code.ts';
import { syncFolder } from '../../files/sync-folder.ts';
import { writeWhole } from '../../files/whole-file.ts';

/** A part of an object. */
export interface Range {
  readonly offset: number;
  readonly bytes: number;
}

/** Where encrypted bodies lie: one object for each batch, named by the batch, never changed but for what is wiped. */
export interface BodyStore {
  /** Durable when it resolves. Writing an object again is harmless. */
  put(name: string, parts: readonly Uint8Array[]): Promise<void>;
  /** @throws AuditError `vault_inconsistent` where it is not there */
  read(name: string, range: Range): Promise<Buffer>;
  /** Overwrites parts of an object with zeros; of one that is gone, nothing. */
  wipe(name: string, ranges: readonly Range[]): Promise<void>;
  /** Overwrites and removes an object; harmless where there is none. */
  remove(name: string): Promise<void>;
}

const SHARD_CHARACTERS = 2;

/** Objects as files below a folder, which is made if missing. */
export async function openFileBodies(folder: string): Promise<BodyStore> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const folderOf = (name: string) => path.join(folder, name.slice(0, SHARD_CHARACTERS));
  const fileOf = (name: string) => path.join(folderOf(name), `${name}.bodies`);
  return {
    async put(name, parts) {
      await mkdir(folderOf(name), { recursive: true, mode: 0o700 });
      const draft = `${fileOf(name)}.${randomUUID()}.tmp`;
      await writeWhole(fileOf(name), draft, (handle) => handle.writev([...parts]));
      await syncFolder(folderOf(name));
      await syncFolder(folder);
    },
    async read(name, { offset, bytes }) {
      const handle = await open(fileOf(name), 'r').catch((cause: unknown) => {
        throw new AuditError(
          'vault_inconsistent',
          `the object ${name} is missing: restore it from a backup`,
          {
            cause,
          },
        );
      });
      try {
        const body = Buffer.alloc(bytes);
        const { bytesRead } = await handle.read(body, 0, bytes, offset);
        return body.subarray(0, bytesRead);
      } finally {
        await handle.close();
      }
    },
    async wipe(name, ranges) {
      await overwrite(fileOf(name), () => ranges);
    },
    async remove(name) {
      await overwrite(fileOf(name), (size) => [{ offset: 0, bytes: size }]);
      await rm(fileOf(name), { force: true });
    },
  };
}

async function overwrite(file: string, rangesOf: (size: number) => readonly Range[]): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r+');
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  try {
    const { size } = await handle.stat();
    for (const { offset, bytes } of rangesOf(size)) {
      const length = Math.min(bytes, size - offset);
      if (length > 0) await handle.write(Buffer.alloc(length), 0, length, offset);
    }
    await handle.datasync();
  } finally {
    await handle.close();
  }
}
