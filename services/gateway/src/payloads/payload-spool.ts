import {
  closeSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writevSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { BatchSealer, type PayloadFacts, type SealingKey, wholeBytes } from '@tollgate/payload-sealing';
import type { Logger } from '@tollgate/telemetry';

const syncData = promisify(fdatasync);

/** Being written; a batch that is whole; one that the vault refused for good. */
const OPEN = '.open';
const BATCH = '.batch';
const REFUSED = '.refused';
const NAME = /^(\d{12})\.(open|batch|refused)$/;
const NAME_DIGITS = 12;

/** A batch is closed once it is as large; the vault takes no more than eight times that. */
const BATCH_BYTES = 1 << 20;
/** What is gathered is written no later than this. */
const GROUP_BYTES = 256 * 1024;

export type UnsealedFacts = Omit<PayloadFacts, 'kept_bytes' | 'digest'>;

export interface PayloadSpoolOptions {
  readonly folder: string;
  /** Of all files; has to hold what is captured during the longest outage of the vault. */
  readonly maxBytes: number;
  readonly log: Logger;
  /** Called when a batch is ready to be sent. */
  readonly onBatch: () => void;
}

interface OpenBatch {
  readonly number: number;
  readonly fd: number;
  readonly sealer: BatchSealer;
  readonly keyId: string;
  bytes: number;
  /** How many of them are known to be on the disk. */
  synced: number;
  /** Syncs under way. */
  syncs: number;
  /** Nothing more is written to it: it is closed when nobody syncs it any more. */
  ended: boolean;
  /** A sync failed. */
  lost: boolean;
}

/** Payloads that are sealed and written together. */
export interface Group {
  /** They could not be written. */
  lost: boolean;
  /** Of what else is in their file, after a sync that failed, nobody knows what the disk has. */
  readonly batch: { readonly lost: boolean };
}

/** Where an appended payload is, and its digest. */
export interface Appended {
  readonly digest: string;
  readonly group: Group;
}

/** Told once what was appended is on the disk, or why it is not. */
type Taken = (error: Error | null) => void;

interface Waiter {
  readonly group: Group;
  readonly taken: Taken;
}

/**
 * Bodies on their way to the vault, apart from the events' spool. What a turn of the event loop appends is sealed and
 * written together at its end, and survives a killed process from then on; whoever has to know that it survives a loss of
 * power waits for {@link PayloadSpool.whenSafe}. Each file is one batch, and is sent as it is.
 *
 * There is one process per folder: the lock of the events' spool, in which it lies, sees to that.
 */
export class PayloadSpool {
  readonly #options: PayloadSpoolOptions;
  readonly #batches: { readonly number: number; readonly bytes: number }[] = [];
  #bytes = 0;
  #nextNumber = 1;
  #current: OpenBatch | null = null;
  readonly #closing = new Set<OpenBatch>();
  /** The payloads that the open batch's sealer has gathered; null where there are none. */
  #group: Group | null = null;
  #writing: NodeJS.Immediate | null = null;
  #waiting: Waiter[] = [];
  #syncing = false;
  #failed = false;

  /** Opens the folder, and closes the batch that an earlier process left open, up to its last whole record. */
  constructor(options: PayloadSpoolOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    this.#takeOver();
  }

  /** Of all files. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the last write failed. */
  get failed(): boolean {
    return this.#failed;
  }

  /**
   * Takes a body; its bytes are copied.
   * @returns null where there is no room, or it can't be written
   */
  append(key: SealingKey, facts: UnsealedFacts, body: Uint8Array): Appended | null {
    // Its own size, its facts and what sealing adds; exact enough for a cap.
    const gathered = this.#current?.sealer.gatheredBytes ?? 0;
    if (this.#bytes + gathered + body.length + 1024 > this.#options.maxBytes) return null;
    try {
      const batch = this.#batchFor(key);
      const digest = batch.sealer.add(facts, body);
      this.#group ??= { lost: false, batch };
      const group = this.#group;
      // After a failure each payload is tried at once, so that none is said to be kept which is not.
      if (this.#failed || batch.sealer.gatheredBytes >= GROUP_BYTES) this.#write();
      else this.#writing ??= setImmediate(() => this.#write());
      return group.lost ? null : { digest, group };
    } catch (error) {
      this.#fail(error);
      return null;
    }
  }

  /** Calls back once a group is on the disk, and everything appended until now with it. */
  whenSafe(group: Group, taken: Taken): void {
    this.#waiting.push({ group, taken });
    if (!this.#syncing) void this.#syncWaiting();
  }

  /** Ends the batch that is being written, so that it can be sent. */
  rotate(): void {
    this.#write();
    const batch = this.#current;
    if (batch === null) return;
    this.#current = null;
    this.#closing.add(batch);
    void this.#finish(batch);
  }

  /** The oldest batch that is ready; null where there is none. */
  oldest(): number | null {
    return this.#batches[0]?.number ?? null;
  }

  /** The bytes of a batch. */
  read(number: number): Buffer<ArrayBuffer> {
    return readFileSync(this.#path(number, BATCH));
  }

  /** The vault has it. */
  remove(number: number): void {
    rmSync(this.#path(number, BATCH), { force: true });
    this.#bytes -= this.#forget(number);
  }

  /** The vault will never take it: it is kept for whoever looks into why, and counts against the cap. */
  setAside(number: number): void {
    renameSync(this.#path(number, BATCH), this.#path(number, REFUSED));
    this.#forget(number);
  }

  /** Everything that was appended is on the disk, and ready for the next process to send. */
  async close(): Promise<void> {
    this.rotate();
    while (this.#closing.size > 0) await nextTurn();
  }

  #forget(number: number): number {
    const at = this.#batches.findIndex((batch) => batch.number === number);
    const [gone] = at < 0 ? [] : this.#batches.splice(at, 1);
    return gone?.bytes ?? 0;
  }

  #batchFor(key: SealingKey): OpenBatch {
    // The vault's key has been rotated.
    if (this.#current !== null && this.#current.keyId !== key.id) this.rotate();
    this.#current ??= this.#begin(key);
    return this.#current;
  }

  #begin(key: SealingKey): OpenBatch {
    const number = this.#nextNumber;
    const sealer = new BatchSealer(key);
    const fd = openSync(this.#path(number, OPEN), 'wx', 0o600);
    this.#nextNumber += 1;
    try {
      writeWhole(fd, [sealer.header], sealer.header.length);
    } catch (error) {
      closeSync(fd);
      rmSync(this.#path(number, OPEN), { force: true });
      throw error;
    }
    this.#bytes += sealer.header.length;
    const bytes = sealer.header.length;
    return { number, fd, sealer, keyId: key.id, bytes, synced: 0, syncs: 0, ended: false, lost: false };
  }

  /** Seals what was gathered and writes it. */
  #write(): void {
    if (this.#writing !== null) clearImmediate(this.#writing);
    this.#writing = null;
    const batch = this.#current;
    const group = this.#group;
    if (batch === null || group === null) return;
    this.#group = null;
    try {
      const sealed = batch.sealer.seal();
      if (sealed === null) return;
      writeWhole(batch.fd, sealed.parts, sealed.bytes);
      batch.bytes += sealed.bytes;
      this.#bytes += sealed.bytes;
      this.#failed = false;
    } catch (error) {
      group.lost = true;
      this.#fail(error);
      // The numbers of the groups to come would no longer be those of their seals: it ends before what failed.
      this.#cut(batch);
    }
    if (batch.bytes >= BATCH_BYTES) this.rotate();
  }

  #fail(error: unknown): void {
    this.#failed = true;
    this.#options.log.error({ err: error, code: 'payload_spool' }, 'payloads can not be written');
  }

  #cut(batch: OpenBatch): void {
    try {
      ftruncateSync(batch.fd, batch.bytes);
    } catch (error) {
      // Its last group is torn then, and cut off by whoever opens the folder next.
      this.#options.log.error({ err: error, code: 'payload_spool' }, 'a torn payload can not be cut off');
    }
    this.rotate();
  }

  async #syncWaiting(): Promise<void> {
    this.#syncing = true;
    // What else the turn appends goes with it.
    await nextTurn();
    while (this.#waiting.length > 0) {
      this.#write();
      const waiting = this.#waiting;
      this.#waiting = [];
      let failure: Error | null = null;
      try {
        const open = [...this.#closing, ...(this.#current === null ? [] : [this.#current])];
        await Promise.all(open.map(sync));
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
      }
      for (const { group, taken } of waiting) {
        const lost = group.lost || group.batch.lost;
        taken(lost ? new Error('the payload could not be written') : failure);
      }
    }
    this.#syncing = false;
  }

  async #finish(batch: OpenBatch): Promise<void> {
    const { folder, log, onBatch } = this.#options;
    try {
      await sync(batch);
      renameSync(this.#path(batch.number, OPEN), this.#path(batch.number, BATCH));
      syncFolder(folder);
      this.#batches.push({ number: batch.number, bytes: batch.bytes });
      this.#batches.sort((a, b) => a.number - b.number);
      onBatch();
    } catch (error) {
      log.error(
        { err: error, code: 'payload_spool' },
        'a batch of payloads can not be closed; the next start does',
      );
    } finally {
      this.#closing.delete(batch);
      batch.ended = true;
      if (batch.syncs === 0) closeSync(batch.fd);
    }
  }

  #takeOver(): void {
    const { folder, log } = this.#options;
    for (const name of readdirSync(folder).toSorted()) {
      const [, digits, state] = NAME.exec(name) ?? [];
      if (digits === undefined) continue;
      const number = Number(digits);
      this.#nextNumber = Math.max(this.#nextNumber, number + 1);
      const file = join(folder, name);
      if (state === 'open') {
        const whole = wholeBytes(readFileSync(file));
        if (whole === 0) {
          rmSync(file);
          continue;
        }
        truncateSync(file, whole);
        syncFile(file);
        renameSync(file, this.#path(number, BATCH));
        log.info({ batch: number, bytes: whole }, 'a batch of payloads was left open; it is sent now');
      }
      const bytes = statSync(state === 'open' ? this.#path(number, BATCH) : file).size;
      this.#bytes += bytes;
      if (state !== 'refused') this.#batches.push({ number, bytes });
    }
    syncFolder(folder);
  }

  #path(number: number, state: string): string {
    return join(this.#options.folder, `${String(number).padStart(NAME_DIGITS, '0')}${state}`);
  }
}

async function sync(batch: OpenBatch): Promise<void> {
  const { bytes } = batch;
  if (batch.synced >= bytes) return;
  batch.syncs += 1;
  try {
    await syncData(batch.fd);
    batch.synced = Math.max(batch.synced, bytes);
  } catch (error) {
    batch.lost = true;
    throw error;
  } finally {
    batch.syncs -= 1;
    if (batch.ended && batch.syncs === 0) closeSync(batch.fd);
  }
}

function writeWhole(fd: number, parts: readonly Buffer[], bytes: number): void {
  if (writevSync(fd, parts) !== bytes) throw new Error('the disk took a part of a payload only');
}

function syncFile(file: string): void {
  const fd = openSync(file, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
