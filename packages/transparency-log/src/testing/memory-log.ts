import { emptyLog, growLog, type LogEdge } from '../tiles/grow-log.ts';
import type { LogReader } from '../tiles/log-reader.ts';

/** A log in memory, for tests: the files that a writer would have written, and how often they were read. */
export class MemoryLog implements LogReader {
  readonly files = new Map<string, Uint8Array>();
  edge: LogEdge = emptyLog;
  reads = 0;

  append(entries: readonly Uint8Array[]): void {
    const { edge, written } = growLog(this.edge, entries);
    for (const { path, bytes } of written) {
      this.files.set(path, Uint8Array.from(bytes));
    }
    this.edge = edge;
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    this.reads += 1;
    return this.files.get(path);
  }
}

/** The i-th entry of the trees in the golden files. */
export function goldenEntry(index: number): Uint8Array {
  return Buffer.from(`entry ${index}`);
}

/** The entries from one index up to, but without, another. */
export function goldenEntries(from: number, to: number): Uint8Array[] {
  return Array.from({ length: to - from }, (_, offset) => goldenEntry(from + offset));
}

/** A log of so many golden entries that grew one entry at a time, so that it holds every partial tile there was. */
export function logOfEverySize(size: number): MemoryLog {
  const log = new MemoryLog();
  for (let index = 0; index < size; index += 1) {
    log.append([goldenEntry(index)]);
  }
  return log;
}
