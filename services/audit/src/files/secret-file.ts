import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { errorCode, isMissing } from './error-code.ts';
import { syncFolder } from './sync-folder.ts';
import { writeSynced, writeWhole } from './whole-file.ts';

/** A file's text; null where there is none. */
export async function readSecret(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Puts a new file there whole, unless another process was first. */
export async function makeSecret(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = draftOf(file);
  try {
    await writeSynced(draft, 'wx', (handle) => handle.writeFile(text));
    await link(draft, file);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(path.dirname(file));
}

/** Replaces a file's text at once, and overwrites the old text where it lay. */
export async function replaceSecret(file: string, text: string): Promise<void> {
  const old = await open(file, 'r+');
  try {
    const { size } = await old.stat();
    await writeWhole(file, draftOf(file), (handle) => handle.writeFile(text));
    await syncFolder(path.dirname(file));
    await old.write(Buffer.alloc(size), 0, size, 0);
    await old.sync();
  } finally {
    await old.close();
  }
}

function draftOf(file: string): string {
  return `${file}.${randomUUID()}.tmp`;
}
