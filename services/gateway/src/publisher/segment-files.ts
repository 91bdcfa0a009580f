import { type FileHandle, open } from 'node:fs/promises';

/** Reads from one file after the other, keeping the last one open. One reader at a time. */
export class SegmentFiles {
  #path: string | null = null;
  #file: FileHandle | null = null;

  /** Up to `bytes` from `offset` on, in memory of their own. */
  async read(path: string, offset: number, bytes: number): Promise<Buffer> {
    if (this.#path !== path || this.#file === null) {
      await this.close();
      this.#file = await open(path, 'r');
      this.#path = path;
    }
    const buffer = Buffer.allocUnsafeSlow(bytes);
    const { bytesRead } = await this.#file.read(buffer, 0, bytes, offset);
    return buffer.subarray(0, bytesRead);
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    this.#path = null;
    await file?.close();
  }
}
