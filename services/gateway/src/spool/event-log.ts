import { type EventType, formatSequence } from '@tollgate/events';
import type { Clock } from '../clock.ts';
import { Chain } from './chain.ts';
import type { CommitWindow } from './commit-pace.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { diskError, SpoolError } from './errors.ts';
import { FRAME_HEADER_BYTES, KIND_PROGRESS, kindOf } from './frame.ts';
import { FrameBuffer } from './frame-buffer.ts';
import { GroupCommit } from './group-commit.ts';
import type { DurableMark, LogFollower } from './log-follower.ts';
import { encodeProgress } from './progress.ts';
import type { Segment } from './segment.ts';
import { MARK_START, type Mark, SEGMENT_HEADER_BYTES } from './segment-header.ts';
import type { SegmentStore } from './segment-store.ts';
import { SegmentSync } from './segment-sync.ts';
import type { Durability, Hold, Position, Spool } from './spool.ts';
import { Waiters } from './waiters.ts';

/** Room that an open request keeps for the events that close it. */
const CLOSING_BYTES = 4096;
/** What may stay unused at the end of a segment, because frames are not split. */
const WASTED_BYTES = 4096;

export interface EventLogOptions {
  readonly source: string;
  readonly store: SegmentStore;
  readonly clock: Clock;
  readonly window: CommitWindow;
  readonly lazyMs: number;
  /** How long a caller of `after` waits before it is turned away. */
  readonly waitMs: number;
  readonly salt: () => number;
  readonly onSync?: (tookMs: number) => void;
  readonly disk?: Disk;
}

/**
 * One epoch's log: numbers, chains and frames events, writes them through the page cache and syncs in groups. The
 * bytes of a frame are written once, into a file of zeros, and never again.
 */
export class EventLog implements Spool {
  readonly source: string;
  readonly #options: EventLogOptions;
  readonly #store: SegmentStore;
  readonly #disk: Disk;
  readonly #segmentSync: SegmentSync;
  readonly #commit: GroupCommit;
  readonly #broker = new Waiters();
  readonly #buffer = new FrameBuffer();
  #segment: Segment;
  readonly #chain = new Chain();
  #nextText = formatSequence(1);
  /** Position of the first byte in the buffer, which is also where the next write goes. */
  #writtenTo: Position;
  #openHolds = 0;
  #writeError: SpoolError | null = null;
  #failed: SpoolError | null = null;
  #pending: DurableMark;
  #durable: DurableMark;
  #syncs = 0;
  #follower: LogFollower | null = null;

  /** @throws SpoolError `spool-full` or `spool-failed` if not even the first segment can be had */
  constructor(options: EventLogOptions) {
    this.#options = options;
    this.source = options.source;
    this.#store = options.store;
    this.#disk = options.disk ?? nodeDisk;
    this.#segmentSync = new SegmentSync(this.#disk);
    this.#segment = this.#store.roll(options.source, options.salt(), MARK_START, null, true);
    this.#writtenTo = this.#segment.base + SEGMENT_HEADER_BYTES;
    this.#durable = { ...MARK_START, position: this.#writtenTo };
    this.#pending = this.#durable;
    this.#commit = new GroupCommit(
      {
        clock: options.clock,
        window: options.window,
        lazyMs: options.lazyMs,
        write: () => this.#writeMarked(),
        sync: (done) => this.#sync(done),
        committed: (_position, tookMs) => this.#committed(tookMs),
      },
      this.#writtenTo,
    );
  }

  /** Everything up to here is on disk. */
  get durable(): DurableMark {
    return this.#durable;
  }

  /** Where the next append goes. */
  get head(): Position {
    return this.#writtenTo + this.#buffer.length;
  }

  /** How far the source has come in memory. */
  get mark(): Mark {
    return this.#chain.mark();
  }

  get openHolds(): number {
    return this.#openHolds;
  }

  get syncs(): number {
    return this.#syncs;
  }

  get brokerWaiters(): number {
    return this.#broker.size;
  }

  followedBy(follower: LogFollower): void {
    this.#follower = follower;
  }

  /** Why nothing can be appended just now, but for want of room; null when all is well. */
  get failure(): SpoolError | null {
    return this.#failed ?? this.#writeError;
  }

  nextSequence(): string {
    return this.#nextText;
  }

  append(type: EventType, json: string): Position {
    return this.#append(kindOf(type), json, false);
  }

  /** Like `append`, but may take the reserved segment: for what the source says about itself. */
  appendReserved(type: EventType, json: string): Position {
    return this.#append(kindOf(type), json, true);
  }

  #append(kind: number, json: string, reserved: boolean): Position {
    const bytes = this.#place(json, reserved);
    const payload = this.#buffer.payloadStart;
    this.#chain.add(kind, this.#buffer.bytes, payload, payload + bytes);
    this.#nextText = formatSequence(this.#chain.sequence + 1);
    return this.#seal(kind, bytes, this.#chain.sequence);
  }

  /**
   * Puts the text behind the next frame's header, in a segment that has room for it; returns its bytes. Nothing
   * has changed if it throws.
   */
  #place(text: string, reserved: boolean): number {
    const failure = this.failure;
    if (failure !== null) throw failure;
    if (!reserved && !this.#store.reserveReady) this.#restoreReserve();
    if (!this.#buffer.hasRoom) this.flush();
    const bytes = this.#buffer.place(text);
    const segment = this.#segment;
    if (this.head + FRAME_HEADER_BYTES + bytes > segment.base + segment.bytes) this.#roll(reserved, bytes);
    return bytes;
  }

  #seal(kind: number, bytes: number, sequence: number): Position {
    this.#buffer.seal(bytes, kind, sequence, this.#segment.salt);
    const head = this.head;
    this.#commit.appended(head);
    return head;
  }

  #restoreReserve(): void {
    this.#store.makeRoom(this.#durable.position);
    if (!this.#store.restoreReserve()) throw this.#store.fullError();
  }

  /** Writes out what belongs to the segment at hand and goes on in the next, with what was placed. */
  #roll(reserved: boolean, placedBytes: number): void {
    this.#write(placedBytes);
    this.#store.makeRoom(this.#durable.position);
    const finished = this.#segment;
    this.#segment = this.#store.roll(this.source, this.#options.salt(), this.mark, this.#writtenTo, reserved);
    this.#segmentSync.rolledFrom(finished);
    this.#writtenTo = this.#segment.base + SEGMENT_HEADER_BYTES;
  }

  hasRoom(bytes: number): boolean {
    if (this.failure !== null) return false;
    const wanted = bytes + WASTED_BYTES + this.#openHolds * CLOSING_BYTES;
    if (this.#hasRoomFor(wanted)) return true;
    this.#store.makeRoom(this.#durable.position);
    return this.#hasRoomFor(wanted);
  }

  #hasRoomFor(bytes: number): boolean {
    const here = this.#store.reserveReady ? this.#segment.base + this.#segment.bytes - this.head : 0;
    return bytes <= here || bytes <= here + this.#store.roomBytes();
  }

  hold(position: Position): Hold {
    const segment = this.#store.holding(position);
    if (segment === undefined) throw new RangeError(`position ${position} is not in the spool`);
    segment.holds += 1;
    this.#openHolds += 1;
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        segment.holds -= 1;
        segment.releasedAt = this.head;
        this.#openHolds -= 1;
      },
    };
  }

  progress(requestId: string, outputBytes: number, outputTokens: number): void {
    try {
      const bytes = this.#place(encodeProgress({ requestId, outputBytes, outputTokens }), false);
      this.#seal(KIND_PROGRESS, bytes, this.#chain.sequence);
    } catch (error) {
      // Only an estimate gets poorer without it; the request's own events will meet the same trouble and say so.
      if (!(error instanceof SpoolError)) throw error;
    }
  }

  flush(): void {
    if (this.#failed !== null) throw this.#failed;
    this.#write(0);
  }

  /** @param placedBytes of an event that was placed and is not sealed yet */
  #write(placedBytes: number): void {
    const { length } = this.#buffer;
    if (length > 0) {
      const segment = this.#segment;
      if (segment.fd === null) throw new Error('invariant: the current segment is open');
      try {
        this.#disk.write(segment.fd, this.#buffer.bytes, 0, length, this.#writtenTo - segment.base);
      } catch (error) {
        this.#writeError = diskError('write', error);
        throw this.#writeError;
      }
      this.#writtenTo += length;
      this.#buffer.clear(placedBytes);
    }
    this.#writeError = null;
    this.#commit.wrote(this.#writtenTo);
  }

  after(level: Durability, position: Position, done: (error: Error | null) => void): void {
    if (this.#failed !== null) {
      const failed = this.#failed;
      queueMicrotask(() => done(failed));
    } else if (level === 'relaxed') {
      this.#commit.afterWrite(position, done);
    } else if (level === 'disk') {
      this.#commit.afterSync(position, done);
    } else if (position <= this.#store.acknowledged) {
      queueMicrotask(() => done(null));
    } else {
      this.#broker.add(position, this.#options.clock.monotonic(), done);
      this.#commit.kick();
      this.#follower?.urgent(position);
    }
  }

  /** Everything up to `position` is acknowledged by the broker. */
  acknowledged(position: Position): void {
    this.#store.acknowledge(position, this.#options.clock.monotonic());
    this.#broker.settle(position);
  }

  /** Turns away callers who have waited too long. */
  expireWaiters(): void {
    const error = new SpoolError(
      'spool-timeout',
      `not stored at the level asked for within ${this.#options.waitMs} ms: look at the spool's disk and the broker`,
    );
    this.#commit.expire(this.#options.waitMs, error);
    this.#broker.expire(this.#options.clock.monotonic() - this.#options.waitMs, error);
  }

  /** Resolves when everything appended so far is on disk. @throws SpoolError when it can't be */
  settled(): Promise<void> {
    return this.#failed === null ? this.#commit.settled() : Promise.reject(this.#failed);
  }

  /** Blocks until everything appended is on disk: at the start, before anybody relies on it. */
  settleNow(): void {
    this.flush();
    try {
      this.#segmentSync.syncNow(this.#segment);
    } catch (error) {
      this.#failed = diskError('sync', error);
      throw this.#failed;
    }
    this.#pending = { ...this.mark, position: this.#writtenTo };
    this.#committed(0);
  }

  /** Ends the log. What was not synced before stays in the page cache. */
  async close(): Promise<void> {
    const stopped = new SpoolError('spool-stopped', 'the spool was stopped: the gateway is shutting down');
    this.#failed ??= stopped;
    this.#broker.fail(stopped);
    await this.#commit.stop(stopped);
    await this.#store.close();
  }

  #writeMarked(): Position {
    this.flush();
    this.#pending = { ...this.mark, position: this.#writtenTo };
    return this.#writtenTo;
  }

  #sync(done: (error: SpoolError | null) => void): void {
    this.#segmentSync.sync(this.#segment, (error) => {
      if (error === null) return done(null);
      // After a failed sync the kernel may have dropped the bytes and report success the next time.
      this.#failed = diskError('sync', error);
      this.#broker.fail(this.#failed);
      done(this.#failed);
    });
  }

  #committed(tookMs: number): void {
    this.#durable = this.#pending;
    this.#syncs += 1;
    this.#options.onSync?.(tookMs);
    this.#follower?.durable();
  }
}
