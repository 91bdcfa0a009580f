import { closeSync, renameSync, unlinkSync } from 'node:fs';
import { type Disk, nodeDisk } from './disk.ts';
import { SpoolError, systemCode } from './errors.ts';
import type { Segment, Spare } from './segment.ts';
import { segmentPath, syncFolder } from './segment-file.ts';
import { encodeSegmentHeader, type Mark, SEGMENT_HEADER_BYTES } from './segment-header.ts';
import type { Position } from './spool.ts';

export interface StoreLimits {
  readonly segmentBytes: number;
  /** Of all segment files together, prepared ones included. */
  readonly maxBytes: number;
  /** Acknowledged segments are kept this long for gap answers … */
  readonly retainMs: number;
  /** … but no more of them than this. */
  readonly retainBytes: number;
}

/** One for the next segment, one that stays for gap and stop events. */
const SPARES = 2;
const RESERVED = 1;

/**
 * The files of a spool folder, oldest first, under a byte cap: rolls to prepared ones, keeps acknowledged ones for
 * a while, drops from the oldest end only. Dropping in order matters: what closed a request lies behind what
 * opened it, so recovery never meets a request whose closing is gone.
 */
export class SegmentStore {
  readonly segments: Segment[];
  readonly #spares: Spare[];
  readonly #folder: string;
  readonly #limits: StoreLimits;
  readonly #disk: Disk;
  #nextIndex: number;
  #usedBytes: number;
  #acknowledged: Position = 0;
  #preparing: Promise<void> | null = null;
  #prepareError: string | null = null;
  #blockingRolls = 0;
  #capLifted = false;

  constructor(
    folder: string,
    limits: StoreLimits,
    found: { readonly segments: Segment[]; readonly spares: readonly Spare[]; readonly nextIndex: number },
    disk: Disk = nodeDisk,
  ) {
    this.#folder = folder;
    this.#limits = limits;
    this.#disk = disk;
    this.segments = found.segments;
    this.#spares = [...found.spares];
    this.#nextIndex = found.nextIndex;
    this.#usedBytes = [...found.segments, ...found.spares].reduce((sum, file) => sum + file.bytes, 0);
  }

  /** Bytes of all files, prepared ones included. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** How often the hot path had to wait for a file to be prepared. */
  get blockingRolls(): number {
    return this.#blockingRolls;
  }

  /** Why no file can be prepared just now; null when all is well. */
  get prepareError(): string | null {
    return this.#prepareError;
  }

  /** Whether `tend` has a file to prepare. */
  get wantsSpares(): boolean {
    return this.#spares.length < SPARES && this.#preparing === null;
  }

  get acknowledged(): Position {
    return this.#acknowledged;
  }

  /** Whether what is not reserved may go on filling the current segment. */
  get reserveReady(): boolean {
    return this.#spares.length >= RESERVED;
  }

  /** Bytes that could still become segments for ordinary events. */
  roomBytes(): number {
    const possible = this.#prepareError === null ? Math.max(0, this.#limits.maxBytes - this.#usedBytes) : 0;
    const files = this.#spares.length + Math.floor(possible / this.#limits.segmentBytes) - RESERVED;
    return Math.max(0, files) * (this.#limits.segmentBytes - SEGMENT_HEADER_BYTES);
  }

  /** The segment that holds the byte before `position`. */
  holding(position: Position): Segment | undefined {
    for (let i = this.segments.length - 1; i >= 0; i -= 1) {
      const segment = this.segments[i];
      if (segment !== undefined && segment.base < position) return segment;
    }
    return undefined;
  }

  /** The segment that begins behind `segment`. */
  following(segment: Segment): Segment | undefined {
    return this.segments[this.segments.indexOf(segment) + 1];
  }

  /**
   * Ends the current segment at `end` and begins the next.
   * @param reserved whether the reserved file may be taken
   * @throws SpoolError `spool-full`, with nothing changed
   */
  roll(source: string, salt: number, before: Mark, end: Position | null, reserved: boolean): Segment {
    const spare = this.#takeSpare(reserved);
    const last = this.segments.at(-1);
    const segment: Segment = {
      index: spare.index,
      path: segmentPath(this.#folder, spare.index),
      base: last === undefined ? 0 : last.base + last.bytes,
      bytes: spare.bytes,
      source,
      salt,
      before,
      end: null,
      fd: spare.fd,
      holds: 0,
      releasedAt: 0,
      acknowledgedAtMs: null,
    };
    const page = encodeSegmentHeader({ source, salt, before });
    try {
      this.#disk.write(spare.fd, page, 0, page.length, 0);
    } catch (error) {
      this.#spares.unshift(spare);
      throw new SpoolError(
        'spool-failed',
        `the disk refused the start of a spool segment (${systemCode(error)})`,
        {
          cause: error,
        },
      );
    }
    if (last !== undefined && end !== null) last.end = end;
    this.segments.push(segment);
    return segment;
  }

  #takeSpare(reserved: boolean): Spare {
    const keep = reserved ? 0 : RESERVED;
    if (this.#spares.length <= keep) this.#prepareBlocking(keep + 1);
    const spare = this.#spares.length > keep ? this.#spares.shift() : undefined;
    if (spare === undefined) throw this.fullError();
    return spare;
  }

  fullError(): SpoolError {
    return new SpoolError(
      'spool-full',
      this.#prepareError ??
        `the spool's files hold ${this.#usedBytes} of at most ${this.#limits.maxBytes} bytes: bring the broker back, or raise the cap`,
    );
  }

  /** Prepares a reserved file where the last one was taken; whether there is one now. */
  restoreReserve(): boolean {
    if (!this.reserveReady) this.#prepareBlocking(RESERVED);
    return this.reserveReady;
  }

  /** Blocking preparation, for the start and for when the hot path outran `tend`. */
  #prepareBlocking(wanted: number): void {
    // A file under way asynchronously will be there soon, but not now; its index is taken.
    while (this.#spares.length < wanted && this.#mayGrow()) {
      this.#blockingRolls += 1;
      const index = this.#nextIndex++;
      try {
        const fd = this.#disk.prepareNow(this.#folder, index, this.#limits.segmentBytes);
        this.#adopt(index, fd);
      } catch (error) {
        this.#prepareError = prepareMessage(error);
        return;
      }
    }
  }

  #mayGrow(): boolean {
    if (this.#capLifted) return true;
    const underway = this.#preparing === null ? 0 : this.#limits.segmentBytes;
    return this.#usedBytes + underway + this.#limits.segmentBytes <= this.#limits.maxBytes;
  }

  /** Takes a prepared file. One that a blocking preparation overtook gets a new name: names tell the order. */
  #adopt(prepared: number, fd: number): void {
    let index = prepared;
    const overtaken = Math.max(this.segments.at(-1)?.index ?? -1, this.#spares.at(-1)?.index ?? -1);
    if (index < overtaken) {
      index = this.#nextIndex++;
      renameSync(segmentPath(this.#folder, prepared), segmentPath(this.#folder, index));
      syncFolder(this.#folder);
    }
    this.#prepareError = null;
    this.#spares.push({ index, fd, bytes: this.#limits.segmentBytes });
    this.#usedBytes += this.#limits.segmentBytes;
  }

  /** Lets `work` go beyond the byte cap: for what has to be recorded so that an epoch can begin. */
  beyondCap<T>(work: () => T): T {
    this.#capLifted = true;
    try {
      return work();
    } finally {
      this.#capLifted = false;
    }
  }

  /** Everything up to `position` is acknowledged by the broker. */
  acknowledge(position: Position, nowMs: number): void {
    this.#acknowledged = position;
    for (const segment of this.segments) {
      if (segment.end === null || segment.end > position) break;
      segment.acknowledgedAtMs ??= nowMs;
    }
  }

  /**
   * Drops what need not be kept and prepares what will be needed, off the hot path. Calls that come while one is
   * at work join it.
   * @param durable position up to which the log is on disk
   */
  tend(durable: Position, nowMs: number): Promise<void> {
    this.dropExpired(durable, nowMs);
    this.#preparing ??= this.#prepareAhead(durable).finally(() => {
      this.#preparing = null;
    });
    return this.#preparing;
  }

  async #prepareAhead(durable: Position): Promise<void> {
    while (this.#spares.length < SPARES) {
      while (this.#usedBytes + this.#limits.segmentBytes > this.#limits.maxBytes) {
        if (!this.#dropOldest(durable)) return;
      }
      const index = this.#nextIndex++;
      try {
        const fd = await this.#disk.prepare(this.#folder, index, this.#limits.segmentBytes);
        this.#adopt(index, fd);
      } catch (error) {
        this.#prepareError = prepareMessage(error);
        if (!this.#dropOldest(durable)) return;
      }
    }
  }

  /** Drops acknowledged segments beyond their time or their bytes. */
  dropExpired(durable: Position, nowMs: number): void {
    for (;;) {
      const oldest = this.segments[0];
      if (oldest === undefined || !this.#droppable(oldest, durable)) return;
      const expired = nowMs - (oldest.acknowledgedAtMs ?? nowMs) >= this.#limits.retainMs;
      if (!expired && this.#acknowledgedBytes() <= this.#limits.retainBytes) return;
      if (!this.#dropOldest(durable)) return;
    }
  }

  /** Drops the oldest segment if it may go at all; whether it did. */
  #dropOldest(durable: Position): boolean {
    const oldest = this.segments[0];
    if (oldest === undefined || !this.#droppable(oldest, durable)) return false;
    try {
      unlinkSync(oldest.path);
    } catch (error) {
      // Gone already, or not to be had: kept until it can be.
      if (systemCode(error) !== 'ENOENT') return false;
    }
    this.segments.shift();
    this.#usedBytes -= oldest.bytes;
    return true;
  }

  /** Makes room for a new segment at once, by dropping what is only kept for gap answers. */
  makeRoom(durable: Position): void {
    while (this.#usedBytes + this.#limits.segmentBytes > this.#limits.maxBytes) {
      if (!this.#dropOldest(durable)) return;
    }
  }

  #droppable(segment: Segment, durable: Position): boolean {
    return (
      segment.end !== null &&
      segment.fd === null &&
      segment.acknowledgedAtMs !== null &&
      segment.holds === 0 &&
      segment.releasedAt <= durable
    );
  }

  #acknowledgedBytes(): number {
    let sum = 0;
    for (const segment of this.segments) if (segment.acknowledgedAtMs !== null) sum += segment.bytes;
    return sum;
  }

  /** Closes every open file; prepared ones stay for the next epoch. */
  async close(): Promise<void> {
    await this.#preparing;
    for (const spare of this.#spares.splice(0)) closeSync(spare.fd);
    for (const segment of this.segments) {
      if (segment.fd !== null) closeSync(segment.fd);
      segment.fd = null;
    }
  }
}

function prepareMessage(error: unknown): string {
  return `no spool segment can be prepared (${systemCode(error) || 'unknown cause'}): free space on the spool's disk`;
}
