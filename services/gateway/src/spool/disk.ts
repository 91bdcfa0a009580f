import { fdatasync, fdatasyncSync } from 'node:fs';
import { prepareSegment, prepareSegmentSync, writeFully } from './segment-file.ts';

/** What the spool asks of the disk on its writing side; a test puts a failing one in its place. */
export interface Disk {
  write(fd: number, buffer: Buffer, start: number, bytes: number, at: number): void;
  sync(fd: number, done: (error: Error | null) => void): void;
  syncNow(fd: number): void;
  prepare(folder: string, index: number, bytes: number): Promise<number>;
  prepareNow(folder: string, index: number, bytes: number): number;
}

export const nodeDisk: Disk = {
  write: writeFully,
  sync: (fd, done) => fdatasync(fd, done),
  syncNow: fdatasyncSync,
  prepare: prepareSegment,
  prepareNow: prepareSegmentSync,
};
