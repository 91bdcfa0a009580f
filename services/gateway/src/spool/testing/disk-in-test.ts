import { copyFileSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { SeededRandom } from '@tollgate/testing';
import { type Disk, nodeDisk } from '../disk.ts';

const PAGE = 4096;

interface PendingWrite {
  readonly at: number;
  readonly bytes: Buffer;
}

/** What a test makes of the next operation. */
export type DiskFault = 'none' | 'ENOSPC' | 'EIO' | 'dead';

/**
 * A real disk that knows what is only in the page cache, so that a power failure can be played: each page that was
 * written and not synced is there or is not. `dead` is the moment after the crash: nothing works any more.
 */
export class DiskInTest implements Disk {
  readonly #durable = new Map<string, Buffer>();
  readonly #pending = new Map<string, PendingWrite[]>();
  /** From the crash on nothing works any more. */
  dead = false;
  fault: (operation: 'write' | 'sync' | 'prepare') => DiskFault = () => 'none';

  write(fd: number, buffer: Buffer, start: number, bytes: number, at: number): void {
    this.#meet('write');
    nodeDisk.write(fd, buffer, start, bytes, at);
    const path = pathOf(fd);
    const writes = this.#pending.get(path) ?? [];
    writes.push({ at, bytes: Buffer.from(buffer.subarray(start, start + bytes)) });
    this.#pending.set(path, writes);
  }

  sync(fd: number, done: (error: Error | null) => void): void {
    const path = pathOf(fd);
    const covered = this.#pending.get(path)?.length ?? 0;
    let failure: unknown = null;
    try {
      this.#meet('sync');
    } catch (error) {
      failure = error;
    }
    setImmediate(() => {
      // A crash also comes between the start of a sync and its end.
      if (this.dead) failure = playedError('EIO');
      if (failure === null) this.#settle(path, covered);
      done(failure instanceof Error ? failure : null);
    });
  }

  syncNow(fd: number): void {
    this.#meet('sync');
    const path = pathOf(fd);
    this.#settle(path, this.#pending.get(path)?.length ?? 0);
  }

  async prepare(folder: string, index: number, bytes: number): Promise<number> {
    this.#meet('prepare');
    return await nodeDisk.prepare(folder, index, bytes);
  }

  prepareNow(folder: string, index: number, bytes: number): number {
    this.#meet('prepare');
    return nodeDisk.prepareNow(folder, index, bytes);
  }

  /** Copies the folder as it is after `kill -9`: the page cache survives. */
  copyAfterKill(folder: string, target: string): void {
    mkdirSync(target, { recursive: true });
    for (const name of readdirSync(folder)) {
      if (!name.startsWith('lock.')) copyFileSync(join(folder, name), join(target, name));
    }
  }

  /** Copies the folder as it may be after a power failure: of what was not synced, any page may be missing. */
  copyAfterPowerLoss(folder: string, target: string, random: SeededRandom): void {
    this.copyAfterKill(folder, target);
    for (const [path, pending] of this.#pending) {
      if (!readdirSync(folder).includes(basename(path)) || pending.length === 0) continue;
      const now = readFileSync(path);
      const image = Buffer.alloc(now.length);
      this.#durable.get(path)?.copy(image);
      for (const write of pending) {
        for (let at = write.at; at < write.at + write.bytes.length; ) {
          const pageEnd = Math.min((Math.floor(at / PAGE) + 1) * PAGE, write.at + write.bytes.length);
          if (random.next() < 0.5) write.bytes.copy(image, at, at - write.at, pageEnd - write.at);
          at = pageEnd;
        }
      }
      writeFileSync(join(target, basename(path)), image);
    }
  }

  #settle(path: string, covered: number): void {
    const pending = this.#pending.get(path) ?? [];
    const image = this.#durable.get(path) ?? Buffer.alloc(readFileSync(path).length);
    for (const write of pending.splice(0, covered)) write.bytes.copy(image, write.at);
    this.#durable.set(path, image);
  }

  #meet(operation: 'write' | 'sync' | 'prepare'): void {
    const fault = this.dead ? 'dead' : this.fault(operation);
    if (fault === 'none') return;
    this.dead ||= fault === 'dead';
    throw playedError(fault === 'dead' ? 'EIO' : fault);
  }
}

function playedError(code: string): Error {
  return Object.assign(new Error(`${code}: played by the test`), { code });
}

function pathOf(fd: number): string {
  return readlinkSync(`/proc/self/fd/${fd}`);
}
