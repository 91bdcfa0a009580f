import { closeSync, fdatasync, ftruncateSync, writevSync } from 'node:fs';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { BatchSealer, type PayloadFacts, type SealingKey } from '@tollgate/payload-sealing';
import type { Logger } from '@tollgate/telemetry';
import { COMMIT_WINDOW, CommitPace } from '../spool/commit-pace.ts';
import { BatchFiles } from './batch-files.ts';

const syncData = promisify(fdatasync);

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
  /** Of whole groups, the header included. */
  bytes: number;
  /** How many of them are known to be on the disk; 0 until its name is as well. */
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
  readonly sinceMs: number;
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
  readonly #files: BatchFiles;
  #current: OpenBatch | null = null;
  readonly #closing = new Set<OpenBatch>();
  /** The payloads that the open batch's sealer has gathered; null where there are none. */
  #group: Group | null = null;
  #writing: NodeJS.Immediate | null = null;
  #waiting: Waiter[] = [];
  readonly #pace = new CommitPace(COMMIT_WINDOW);
  #syncing = false;
  #failed = false;

  /** Opens the folder, and ends the batch that an earlier process left open. */
  constructor(options: PayloadSpoolOptions) {
    this.#options = options;
    this.#files = new BatchFiles(options.folder, options.log);
  }

  /** Of all files. */
  get bytes(): number {
    let bytes = this.#files.bytes + (this.#current?.bytes ?? 0);
    for (const batch of this.#closing) bytes += batch.bytes;
    return bytes;
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
    if (this.bytes + gathered + body.length + 1024 > this.#options.maxBytes) return null;
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
    const sinceMs = performance.now();
    this.#pace.came(sinceMs);
    this.#waiting.push({ group, sinceMs, taken });
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

  /** The batches that are ready to be sent. */
  get files(): Pick<BatchFiles, 'oldest' | 'read' | 'remove' | 'setAside'> {
    return this.#files;
  }

  /** Everything that was appended is on the disk, and ready for the next process to send. */
  async close(): Promise<void> {
    this.rotate();
    while (this.#closing.size > 0) await nextTurn();
  }

  #batchFor(key: SealingKey): OpenBatch {
    // The vault's key has been rotated.
    if (this.#current !== null && this.#current.keyId !== key.id) this.rotate();
    this.#current ??= this.#begin(key);
    return this.#current;
  }

  #begin(key: SealingKey): OpenBatch {
    const sealer = new BatchSealer(key);
    const { number, fd } = this.#files.begin();
    const bytes = sealer.header.length;
    try {
      writeWhole(fd, [sealer.header], bytes);
    } catch (error) {
      closeSync(fd);
      this.#files.abandon(number);
      throw error;
    }
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
      // Its last group is torn then, and nobody reads it.
      this.#options.log.error({ err: error, code: 'payload_spool' }, 'what is torn can not be cut off');
    }
    this.rotate();
  }

  async #syncWaiting(): Promise<void> {
    this.#syncing = true;
    for (;;) {
      await this.#company();
      this.#write();
      const waiting = this.#waiting;
      this.#waiting = [];
      let failure: Error | null = null;
      try {
        const open = [...this.#closing, ...(this.#current === null ? [] : [this.#current])];
        await Promise.all(open.map((batch) => this.#sync(batch)));
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
      }
      for (const { group, taken } of waiting) {
        const lost = group.lost || group.batch.lost;
        taken(lost ? new Error('the payload could not be written') : failure);
      }
      if (this.#waiting.length === 0) break;
    }
    this.#syncing = false;
  }

  /** Waits for others, as long as the rate of callers is worth it; at least for whoever comes in the same turn. */
  #company(): Promise<void> {
    const nowMs = performance.now();
    const leftMs = this.#pace.remainingMs(this.#waiting[0]?.sinceMs ?? nowMs, nowMs);
    return leftMs > 0 ? delay(leftMs) : nextTurn();
  }

  async #sync(batch: OpenBatch): Promise<void> {
    const { bytes } = batch;
    if (batch.synced >= bytes) return;
    batch.syncs += 1;
    try {
      await syncData(batch.fd);
      if (batch.synced === 0) await this.#files.syncNames();
      batch.synced = Math.max(batch.synced, bytes);
    } catch (error) {
      batch.lost = true;
      throw error;
    } finally {
      batch.syncs -= 1;
      if (batch.ended && batch.syncs === 0) closeSync(batch.fd);
    }
  }

  async #finish(batch: OpenBatch): Promise<void> {
    const { log, onBatch } = this.#options;
    try {
      await this.#sync(batch);
      await this.#files.end(batch.number, batch.bytes);
      this.#closing.delete(batch);
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
}

function writeWhole(fd: number, parts: readonly Buffer[], bytes: number): void {
  if (writevSync(fd, parts) !== bytes) throw new Error('the disk took a part of a payload only');
}
