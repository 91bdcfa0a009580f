import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from './temporary-folder.ts';

/** A file system with little room. */
export interface TinyDisk {
  readonly folder: string;
  grow(kib: number): void;
  remove(): void;
}

/** A file system of its own, to be really full; null where this account may not mount one (only root may). */
export function tinyDisk(kib: number): TinyDisk | null {
  const folder = path.join(temporaryFolder('tiny-disk'), 'disk');
  mkdirSync(folder);
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    return null;
  }
  return {
    folder,
    grow(to) {
      execFileSync('/bin/mount', ['-o', `remount,size=${to}k`, folder]);
    },
    remove() {
      execFileSync('/bin/umount', ['--lazy', folder]);
    },
  };
}
