import { type FileHandle, open } from 'node:fs/promises';
import type { FeedOutput } from './follow.ts';

/** Of what a crash left behind the last state: a page of large events, and some room. */
const MAX_TAIL_BYTES = 64 << 20;
const NEWLINE = 0x0a;

/**
 * A file that a feed appends to. What a crash left behind the state, whole lines or a torn one, is the beginning of what
 * comes next, for the log has one order and a line of it one spelling: it is completed instead of written again, so that the
 * file holds every event once. Nothing in it is ever removed, since others may write to it, or have read it.
 */
export class FeedFile implements FeedOutput {
  readonly #handle: FileHandle;
  #bytes: number;
  /** What is in the file behind where the state has it, yet to be recognised. */
  #tail: Buffer = Buffer.alloc(0);

  private constructor(handle: FileHandle, bytes: number) {
    this.#handle = handle;
    this.#bytes = bytes;
  }

  static async open(path: string): Promise<FeedFile> {
    const handle = await open(path, 'a+', 0o600);
    return new FeedFile(handle, (await handle.stat()).size);
  }

  /** A file shorter than the state says is a new one, as after a rotation of logs. */
  async resumeAt(bytes: number): Promise<void> {
    const left = this.#bytes - bytes;
    if (left <= 0) return;
    const tail = await this.#read(left > MAX_TAIL_BYTES ? this.#bytes - 1 : bytes);
    if (left > MAX_TAIL_BYTES) await this.#endLine(tail);
    else this.#tail = tail;
  }

  async write(lines: string): Promise<number> {
    const whole = Buffer.from(lines);
    const tail = this.#tail;
    const common = Math.min(tail.length, whole.length);
    if (tail.subarray(0, common).equals(whole.subarray(0, common))) {
      this.#tail = tail.subarray(common);
      if (common < whole.length) await this.#append(whole.subarray(common));
    } else {
      // Of somebody else. A line that they left torn must not take one of ours along.
      this.#tail = Buffer.alloc(0);
      await this.#endLine(tail);
      await this.#append(whole);
    }
    return this.#bytes - this.#tail.length;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #endLine(tail: Buffer): Promise<void> {
    if (tail.at(-1) !== NEWLINE) await this.#append(Buffer.of(NEWLINE));
  }

  async #read(from: number): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#handle.read(
      Buffer.alloc(this.#bytes - from),
      0,
      this.#bytes - from,
      from,
    );
    return buffer.subarray(0, bytesRead);
  }

  async #append(bytes: Buffer): Promise<void> {
    await this.#handle.appendFile(bytes);
    await this.#handle.datasync();
    this.#bytes = (await this.#handle.stat()).size;
  }
}
