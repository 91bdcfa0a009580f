import { type FileHandle, open } from 'node:fs/promises';
import { SpoolError } from '../spool/errors.ts';

/** Reads from one file after the other, keeping the last one open. One reader at a time. */
export class SegmentFiles {
  #path: string | null = null;
  #file: FileHandle | null = null;
  #closed = false;
  #memory = Buffer.alloc(0);

  /** Up to `bytes` from `offset` on, in memory that the next read uses again. */
  async read(path: string, offset: number, bytes: number): Promise<Buffer> {
    const file = await this.#open(path);
    if (this.#memory.length < bytes) this.#memory = Buffer.allocUnsafeSlow(bytes);
    const { bytesRead } = await file.read(this.#memory, 0, bytes, offset);
    return this.#memory.subarray(0, bytesRead);
  }

  async #open(path: string): Promise<FileHandle> {
    if (this.#file !== null && this.#path === path) return this.#file;
    await this.#release();
    const file = await open(path, 'r');
    if (this.#closed) {
      await file.close();
      throw new SpoolError('spool-stopped', 'the spool was stopped while it was read');
    }
    this.#file = file;
    this.#path = path;
    return file;
  }

  /** For good: a read that is under way fails. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#release();
  }

  async #release(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    this.#path = null;
    await file?.close();
  }
}
