import type { OutgoingMessage } from '@tollgate/bus';
import { topicOf } from '@tollgate/events';
import type { Logger } from '@tollgate/telemetry';
import { systemCode } from '../spool/errors.ts';
import { subjectOf } from '../spool/event-bytes.ts';
import { FrameReader, typeOf } from '../spool/frame.ts';
import type { Segment } from '../spool/segment.ts';
import { SEGMENT_HEADER_BYTES } from '../spool/segment-header.ts';
import type { SegmentStore } from '../spool/segment-store.ts';
import type { Position } from '../spool/spool.ts';
import type { Outlet } from './outlet.ts';
import { SegmentFiles } from './segment-files.ts';

export interface TailPublisherOptions {
  readonly store: SegmentStore;
  readonly outlet: Outlet;
  /** Up to where the log may be published: what is on disk. */
  readonly durable: () => Position;
  /** Where to begin. */
  readonly from: Position;
  readonly acknowledged: (position: Position, events: number) => void;
  /** How long events wait for company when nobody waits for them. */
  readonly lingerMs: number;
  /** A batch is sent at once when it has this many bytes, and has at most so many. */
  readonly batchBytes: number;
  readonly retryMs: { readonly first: number; readonly most: number };
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly logger: Logger;
}

/**
 * Sends the log to the bus, oldest first, one batch in flight, each again and again until it is acknowledged, as
 * the bytes that were appended. It parses nothing: the topic follows from the frame's kind.
 */
export class TailPublisher {
  readonly #options: TailPublisherOptions;
  readonly #files: SegmentFiles;
  #cursor: Position;
  #running: Promise<void> | null = null;
  #linger: NodeJS.Timeout | null = null;
  #backOff: { readonly timer: NodeJS.Timeout; readonly end: () => void } | null = null;
  /** Somebody waits for what lies before. */
  #urgentTo: Position = 0;
  #stopping = false;
  /** What is acknowledged from now on comes too late to be noted. */
  #abandoned = false;
  #damage: string | null = null;
  #readError: string | null = null;
  #failures = 0;

  constructor(options: TailPublisherOptions) {
    this.#options = options;
    this.#cursor = options.from;
    this.#files = new SegmentFiles();
  }

  /** Why nothing more can be published; null when all is well or only the broker is away. */
  get trouble(): string | null {
    return this.#damage ?? this.#readError;
  }

  /** Attempts that failed since the last that did not. */
  get failures(): number {
    return this.#failures;
  }

  /** There is something new to publish. */
  wake(): void {
    if (this.#running !== null || this.#stopping || this.#damage !== null) return;
    if (this.#due() && this.#readError === null) this.#run();
    else if (this.#ready() > 0) this.#linger ??= setTimeout(() => this.#run(), this.#options.lingerMs);
  }

  /** Somebody waits for everything up to `position`: publish without waiting for company. */
  hurry(position: Position): void {
    this.#urgentTo = Math.max(this.#urgentTo, position);
    this.wake();
  }

  /**
   * Publishes what is durable until nothing is left or the deadline has passed, then stops for good.
   * @returns whether everything was acknowledged
   */
  async drain(deadlineMs: number): Promise<boolean> {
    this.hurry(this.#options.durable());
    const deadline = new AbortController();
    const timer = setTimeout(() => {
      this.#stop();
      deadline.abort();
    }, deadlineMs);
    // A send that hangs can't be called back: it is left behind.
    const overdue = new Promise<void>((resolve) =>
      deadline.signal.addEventListener('abort', () => resolve()),
    );
    while (this.#running !== null && !deadline.signal.aborted) await Promise.race([this.#running, overdue]);
    clearTimeout(timer);
    this.#stop();
    this.#abandoned = true;
    await this.#files.close();
    return this.#cursor >= this.#options.durable();
  }

  #stop(): void {
    this.#stopping = true;
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#linger = null;
    this.#backOff?.end();
  }

  #run(): void {
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#linger = null;
    this.#running = this.#publishAll()
      .then(() => {
        this.#readError = null;
      })
      .catch((error: unknown) => this.#readFailed(error))
      .finally(() => {
        this.#running = null;
        this.wake();
      });
  }

  /** What is on disk could not be read just now. Tried again after a linger, for ever. */
  #readFailed(error: unknown): void {
    if (this.#stopping) return;
    if (this.#readError === null) {
      this.#options.logger.error({ err: error }, 'the spool can not be read to publish it; tried again');
    }
    this.#readError = `the spool can not be read (${systemCode(error) || 'unknown cause'}): look at its disk`;
  }

  /** Goes on while there is a full batch, or somebody waits. */
  async #publishAll(): Promise<void> {
    do {
      const target = this.#options.durable();
      while (this.#cursor < target && !this.#stopping) {
        if (!(await this.#publishNext(target))) return;
      }
    } while (!this.#stopping && this.#due());
  }

  /** Whether there is something that should go out now. */
  #due(): boolean {
    const ready = this.#ready();
    return ready > 0 && (this.#cursor < this.#urgentTo || ready >= this.#options.batchBytes);
  }

  #ready(): number {
    return this.#options.durable() - this.#cursor;
  }

  /** One batch; false if it can't be had or was given up. */
  async #publishNext(target: Position): Promise<boolean> {
    const { store } = this.#options;
    // A segment that was published to its end may have been dropped since: then the oldest kept one is next.
    const segment = store.holding(this.#cursor + 1) ?? store.segments[0];
    if (segment === undefined) throw new Error('invariant: the spool has a current segment');
    const end = Math.min(segment.end ?? target, target);
    const from = Math.max(this.#cursor, segment.base + SEGMENT_HEADER_BYTES);
    if (from >= end) {
      const done = segment.end !== null && segment.end <= target;
      this.#cursor = done ? segment.base + segment.bytes : from;
      return true;
    }
    const { messages, next } = await this.#read(segment, from, end);
    if (next === from) {
      this.#damage = `the spool segment ${segment.path} is damaged at byte ${from - segment.base}: restart the gateway, which sets it aside`;
      this.#options.logger.error({ segment: segment.path, offset: from - segment.base }, this.#damage);
      return false;
    }
    if (messages.length > 0 && !(await this.#send(messages))) return false;
    this.#cursor = next;
    this.#options.acknowledged(next, messages.length);
    return true;
  }

  async #read(
    segment: Segment,
    from: Position,
    end: Position,
  ): Promise<{ messages: OutgoingMessage[]; next: Position }> {
    const bytes = Math.min(end - from, this.#options.batchBytes);
    const buffer = await this.#files.read(segment.path, from - segment.base, bytes);
    const reader = new FrameReader(buffer, segment.salt);
    const messages: OutgoingMessage[] = [];
    while (reader.next() === 'more') {
      const type = typeOf(reader.kind);
      if (type === undefined) continue;
      const value = reader.payload();
      messages.push({ topic: topicOf(type), key: subjectOf(value) ?? segment.source, value });
    }
    return { messages, next: from + reader.offset };
  }

  /** Tries for ever; false only when stopping. */
  async #send(messages: readonly OutgoingMessage[]): Promise<boolean> {
    for (;;) {
      try {
        await this.#options.outlet.send(messages);
        this.#failures = 0;
        return !this.#abandoned;
      } catch (error) {
        this.#failures += 1;
        if (this.#failures === 1) {
          this.#options.logger.warn(
            { err: error },
            'the broker did not take a batch; it is sent again until it does',
          );
        }
        if (this.#stopping) return false;
        await this.#pause();
        if (this.#stopping) return false;
      }
    }
  }

  #pause(): Promise<void> {
    const { first, most } = this.#options.retryMs;
    const ms =
      Math.min(most, first * 2 ** Math.min(this.#failures - 1, 16)) * (0.5 + this.#options.random() / 2);
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#backOff = null;
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#backOff = { timer, end };
    });
  }
}
