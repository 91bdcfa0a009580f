import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { wholeBytes } from '@tollgate/payload-sealing';
import type { Logger } from '@tollgate/telemetry';
import { syncFolder } from '../spool/segment-file.ts';

/** Being written; a batch that is whole; one that the vault refused for good. */
type State = 'open' | 'batch' | 'refused';
const NAME = /^(\d{12})\.(open|batch|refused)$/;
const NAME_DIGITS = 12;

/** The files of a folder of payloads: each is one batch, numbered in the order in which they were begun. */
export class BatchFiles {
  readonly #folder: string;
  readonly #ready: { readonly number: number; readonly bytes: number }[] = [];
  #bytes = 0;
  #nextNumber = 1;

  /** Opens the folder, and ends the batch that an earlier process left open, up to its last whole group. */
  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder).toSorted()) {
      const [, digits, state] = NAME.exec(name) ?? [];
      if (digits !== undefined) this.#takeOver(Number(digits), state === 'open', state === 'refused', log);
    }
    syncFolder(folder);
  }

  /** Of the files that are not being written. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Makes the file of the next batch. */
  begin(): { readonly number: number; readonly fd: number } {
    const number = this.#nextNumber;
    const fd = openSync(this.#path(number, 'open'), 'wx', 0o600);
    this.#nextNumber += 1;
    return { number, fd };
  }

  /** Takes a file away that was begun in vain. */
  abandon(number: number): void {
    rmSync(this.#path(number, 'open'), { force: true });
  }

  /** The names of all files are on the disk, once this resolves. */
  async syncNames(): Promise<void> {
    const folder = await open(this.#folder, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  /** A batch is whole and on the disk: it can be sent, once this resolves. */
  async end(number: number, bytes: number): Promise<void> {
    await rename(this.#path(number, 'open'), this.#path(number, 'batch'));
    this.#add(number, bytes);
    this.#ready.sort((a, b) => a.number - b.number);
  }

  /** The oldest batch that is ready; null where there is none. */
  oldest(): number | null {
    return this.#ready[0]?.number ?? null;
  }

  /** A batch that is ready, without what may be torn behind its last whole group. */
  async read(number: number): Promise<Buffer<ArrayBuffer>> {
    const bytes = this.#ready.find((batch) => batch.number === number)?.bytes;
    return (await readFile(this.#path(number, 'batch'))).subarray(0, bytes);
  }

  /** The vault has it. */
  async remove(number: number): Promise<void> {
    await rm(this.#path(number, 'batch'), { force: true });
    this.#bytes -= this.#forget(number);
  }

  /** The vault will never take it: it is kept for whoever looks into why, and counts among the bytes. */
  async setAside(number: number): Promise<void> {
    await rename(this.#path(number, 'batch'), this.#path(number, 'refused'));
    this.#forget(number);
  }

  #takeOver(number: number, wasOpen: boolean, refused: boolean, log: Logger): void {
    this.#nextNumber = Math.max(this.#nextNumber, number + 1);
    if (refused) {
      this.#bytes += statSync(this.#path(number, 'refused')).size;
      return;
    }
    const batch = this.#path(number, 'batch');
    if (wasOpen) {
      const file = this.#path(number, 'open');
      const whole = wholeBytes(readFileSync(file));
      if (whole === 0) {
        rmSync(file);
        return;
      }
      truncateSync(file, whole);
      syncFile(file);
      renameSync(file, batch);
      log.info({ batch: number, bytes: whole }, 'a batch of payloads was left open; it is sent now');
    }
    this.#add(number, statSync(batch).size);
  }

  #add(number: number, bytes: number): void {
    this.#ready.push({ number, bytes });
    this.#bytes += bytes;
  }

  #forget(number: number): number {
    const at = this.#ready.findIndex((batch) => batch.number === number);
    const [gone] = at < 0 ? [] : this.#ready.splice(at, 1);
    return gone?.bytes ?? 0;
  }

  #path(number: number, state: State): string {
    return join(this.#folder, `${String(number).padStart(NAME_DIGITS, '0')}.${state}`);
  }
}

function syncFile(file: string): void {
  const fd = openSync(file, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
