import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const SUFFIX = '.segment';
const INDEX_DIGITS = 12;
const ZEROS = Buffer.alloc(1 << 20);
const [writeAsync, fdatasyncAsync, fsyncAsync] = [promisify(write), promisify(fdatasync), promisify(fsync)];

/** Segments are numbered over all epochs of a spool, so that the names' order is the order of writing. */
export function segmentPath(folder: string, index: number): string {
  return join(folder, `${String(index).padStart(INDEX_DIGITS, '0')}${SUFFIX}`);
}

/** The indexes of the segment files in a folder, ascending. */
export function listSegments(folder: string): number[] {
  return readdirSync(folder)
    .filter((name) => name.length === INDEX_DIGITS + SUFFIX.length && name.endsWith(SUFFIX))
    .map((name) => Number(name.slice(0, INDEX_DIGITS)))
    .filter((index) => Number.isSafeInteger(index))
    .sort((a, b) => a - b);
}

/**
 * A file of zeros on disk, open for writing. Blocks written once need no allocation later, so that a commit
 * syncs data and no metadata.
 */
export async function prepareSegment(folder: string, index: number, bytes: number): Promise<number> {
  const path = segmentPath(folder, index);
  const fd = openSync(path, 'wx+', 0o600);
  try {
    for (let at = 0; at < bytes; at += ZEROS.length) {
      await writeAsync(fd, ZEROS, 0, Math.min(ZEROS.length, bytes - at), at);
    }
    await fdatasyncAsync(fd);
    const directory = openSync(folder, 'r');
    try {
      await fsyncAsync(directory);
    } finally {
      closeSync(directory);
    }
    return fd;
  } catch (error) {
    discard(fd, path);
    throw error;
  }
}

/** The same, blocking: at the start, and where the hot path outran the preparation. */
export function prepareSegmentSync(folder: string, index: number, bytes: number): number {
  const path = segmentPath(folder, index);
  const fd = openSync(path, 'wx+', 0o600);
  try {
    for (let at = 0; at < bytes; at += ZEROS.length) {
      writeFully(fd, ZEROS, 0, Math.min(ZEROS.length, bytes - at), at);
    }
    fdatasyncSync(fd);
    syncFolder(folder);
    return fd;
  } catch (error) {
    discard(fd, path);
    throw error;
  }
}

/** Ends a file at `bytes`, durably. */
export function cutSegment(path: string, bytes: number): void {
  const fd = openSync(path, 'r+');
  try {
    ftruncateSync(fd, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes created, renamed and deleted names in a folder durable. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** `writeSync` until all is written: a write may be short, for instance where the disk fills up. */
export function writeFully(fd: number, buffer: Buffer, start: number, bytes: number, at: number): void {
  let done = 0;
  while (done < bytes) done += writeSync(fd, buffer, start + done, bytes - done, at + done);
}

function discard(fd: number, path: string): void {
  closeSync(fd);
  unlinkSync(path);
}
