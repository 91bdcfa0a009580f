import { type FileHandle, open, rename } from 'node:fs/promises';

const OWNER_ONLY = 0o600;

/**
 * Writes a file beside its place and moves it there once its bytes are on the disk, so that it is there whole or not at
 * all. That it is there survives a loss of power once its folder is synced as well.
 *
 * @param draft where it is written, on the same disk; stays behind where `write` fails
 */
export async function writeWhole(
  file: string,
  draft: string,
  write: (handle: FileHandle) => Promise<unknown>,
): Promise<void> {
  await writeSynced(draft, 'w', write);
  await rename(draft, file);
}

/** Opens a file, has it written, and returns once the bytes are on the disk. */
export async function writeSynced(
  file: string,
  flags: 'a' | 'w' | 'wx',
  write: (handle: FileHandle) => Promise<unknown>,
): Promise<void> {
  const handle = await open(file, flags, OWNER_ONLY);
  try {
    await write(handle);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
