import { type FileHandle, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { isMissing } from '../../files/error-code.ts';

const CHUNK_BYTES = 1 << 20;

/** Bytes that must be nowhere. */
export interface Needle {
  /** What they are, for the report. */
  readonly what: string;
  readonly bytes: Buffer;
}

export interface ScanReport {
  readonly folders: readonly string[];
  readonly files: number;
  readonly bytes: number;
  /** Where something was found, and what. */
  readonly found: readonly { readonly file: string; readonly what: string }[];
  /** Files and folders that could not be read: what is in them is not known. */
  readonly unread: readonly string[];
}

/** Reads every byte of every file below the folders, as the disk has them, for bytes that must not be there. */
export async function scanFolders(
  folders: readonly string[],
  needles: readonly Needle[],
): Promise<ScanReport> {
  const report = {
    folders,
    files: 0,
    bytes: 0,
    found: [] as { file: string; what: string }[],
    unread: [] as string[],
  };
  const finder = new Finder(needles);
  for (const folder of folders) {
    for await (const file of filesBelow(folder, report.unread)) {
      const read = await scanFile(file, finder);
      if (read === null) report.unread.push(file);
      else {
        report.files += 1;
        report.bytes += read.bytes;
        report.found.push(...read.found.map((what) => ({ file, what })));
      }
    }
  }
  return report;
}

/** Finds many needles in one pass: a bit for each pair of bytes that one begins with says where it is worth to look. */
class Finder {
  /** One byte less than the longest needle has: what two pieces of a file have to share. */
  readonly overlap: number;
  readonly #begins = new Uint8Array(1 << 16);
  readonly #byStart: ReadonlyMap<number, readonly Needle[]>;

  /** @param needles of two bytes or more */
  constructor(needles: readonly Needle[]) {
    this.overlap = Math.max(1, ...needles.map(({ bytes }) => bytes.length)) - 1;
    this.#byStart = Map.groupBy(needles, ({ bytes }) => bytes.readUInt16BE(0));
    for (const start of this.#byStart.keys()) this.#begins[start] = 1;
  }

  search(hay: Buffer, found: Set<string>): void {
    const begins = this.#begins;
    let pair = hay[0] ?? 0;
    for (let i = 1; i < hay.length; i += 1) {
      pair = ((pair << 8) | (hay[i] ?? 0)) & 0xffff;
      if (begins[pair] === 0) continue;
      for (const { what, bytes } of this.#byStart.get(pair) ?? []) {
        if (bytes.compare(hay, i - 1, Math.min(hay.length, i - 1 + bytes.length)) === 0) found.add(what);
      }
    }
  }
}

async function* filesBelow(folder: string, unread: string[]): AsyncGenerator<string> {
  let entries: Awaited<ReturnType<typeof listed>>;
  try {
    entries = await listed(folder);
  } catch (error) {
    if (!isMissing(error)) unread.push(folder);
    return;
  }
  for (const entry of entries) {
    const at = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(at, unread);
    else if (entry.isFile()) yield at;
  }
}

function listed(folder: string) {
  return readdir(folder, { withFileTypes: true });
}

/** What was found in a file; null where it can't be read. A file that is gone holds nothing. */
async function scanFile(
  file: string,
  finder: Finder,
): Promise<{ readonly bytes: number; readonly found: readonly string[] } | null> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    return isMissing(error) ? { bytes: 0, found: [] } : null;
  }
  try {
    const { overlap } = finder;
    const found = new Set<string>();
    const buffer = Buffer.allocUnsafe(overlap + CHUNK_BYTES);
    let carried = 0;
    let bytes = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, carried, CHUNK_BYTES, bytes);
      if (bytesRead === 0) break;
      bytes += bytesRead;
      const filled = buffer.subarray(0, carried + bytesRead);
      finder.search(filled, found);
      carried = Math.min(overlap, filled.length);
      filled.copy(buffer, 0, filled.length - carried);
    }
    return { bytes, found: [...found] };
  } catch {
    return null;
  } finally {
    await handle.close();
  }
}
