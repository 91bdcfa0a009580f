import { closeSync } from 'node:fs';
import type { Disk } from './disk.ts';
import type { Segment } from './segment.ts';

/** Syncs a log's files: those that it rolled away from since the last sync, then the current one. */
export class SegmentSync {
  readonly #disk: Disk;
  #finished: Segment[] = [];

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** `segment` is written to its end; its last bytes are not synced yet. */
  rolledFrom(segment: Segment): void {
    this.#finished.push(segment);
  }

  /** Syncs one after the other what had been written when this was called. */
  sync(current: Segment, done: (error: Error | null) => void): void {
    // A copy: what is rolled away from while this is under way may be written to after its file was synced.
    const finished = [...this.#finished];
    const files = [...finished, current].map((segment) => segment.fd).filter((fd) => fd !== null);
    const next = (): void => {
      const fd = files.shift();
      if (fd === undefined) {
        this.#close(finished);
        done(null);
      } else {
        this.#disk.sync(fd, (error) => (error === null ? next() : done(error)));
      }
    };
    next();
  }

  /** The same, blocking. */
  syncNow(current: Segment): void {
    for (const { fd } of [...this.#finished, current]) if (fd !== null) this.#disk.syncNow(fd);
    this.#close(this.#finished);
  }

  #close(synced: readonly Segment[]): void {
    for (const segment of synced) {
      if (segment.fd !== null) closeSync(segment.fd);
      segment.fd = null;
    }
    this.#finished = this.#finished.filter((segment) => segment.fd !== null);
  }
}
