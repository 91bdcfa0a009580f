import { setTimeout as sleep } from 'node:timers/promises';
import { STATE_TOPICS, type Topic } from '@tollgate/events';
import { type BatchHandler, describeFailure, handleBatch } from '../../consume/batch.ts';
import type { ConsumeProgress } from '../../consume/progress.ts';
import type { PostgresContext } from '../context.ts';
import { explain, type LogPage, readLogs, readPage } from '../log.ts';
import type { Turns } from './turns.ts';

const MAX_PAGE_BYTES = 4 * 1024 * 1024;
/** After a small batch the next one waits until so much time has passed since its start: commits are dear. */
const PACE_MS = 25;
const SMALL_BATCH_MESSAGES = 200;
const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 10_000;

export type PartitionReaderOptions<T> = {
  readonly context: PostgresContext;
  readonly handler: BatchHandler<T>;
  readonly progress: ConsumeProgress;
  readonly turns: Turns;
  readonly maxBatch: number;
  readonly topic: Topic;
  readonly partition: number;
  /** Where the group has to read on. */
  readonly next: bigint;
  /** The stored position is not where we are: it has to be established anew, which ends this reader. */
  readonly onMisplaced: () => void;
};

/** Reads one claimed partition, batch by batch, while it has news, until it is ended. */
export class PartitionReader<T> {
  readonly topic: Topic;
  readonly partition: number;
  private readonly options: PartitionReaderOptions<T>;
  private readonly ending = new AbortController();
  private readonly running: Promise<void>;
  private position: bigint;
  private blockedBy: string | null = null;
  private hasNews = true;
  private endRest: () => void = () => {};

  constructor(options: PartitionReaderOptions<T>) {
    this.options = options;
    this.topic = options.topic;
    this.partition = options.partition;
    this.position = options.next;
    this.running = this.run();
  }

  /** Below it, everything is in the database. */
  get next(): bigint {
    return this.position;
  }

  /** Why this partition waits for a newer release; null where it does not. */
  get blocked(): string | null {
    return this.blockedBy;
  }

  /** There may be news. */
  wake(): void {
    this.hasNews = true;
    this.endRest();
  }

  /** Finishes the batch in hand. */
  async end(): Promise<void> {
    this.ending.abort();
    this.endRest();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.isOver()) {
      if (!this.hasNews) await this.rest();
      if (this.isOver()) return;
      this.hasNews = false;
      await this.pause(await this.options.turns.take(() => this.step()));
    }
  }

  /** Reads and handles a page. @returns how long to wait before the next one, in milliseconds */
  private async step(): Promise<number> {
    if (this.isOver()) return 0;
    const startedMs = performance.now();
    try {
      const page = await readPage(this.options.context.pool, this.topic, this.partition, this.position, {
        maxMessages: this.options.maxBatch,
        maxBytes: MAX_PAGE_BYTES,
      });
      this.options.progress.fetched();
      if (page.messages.length === 0) return 0;
      this.options.progress.ends(this.topic, this.partition, page.next);
      await this.assertWhole(page);
      if (this.isOver()) return 0;
      if (page.full) this.hasNews = true;
      await this.handle(page);
      const small = page.messages.length < SMALL_BATCH_MESSAGES && !page.full;
      return small ? PACE_MS - (performance.now() - startedMs) : 0;
    } catch (error) {
      if (this.isOver()) return 0;
      this.hasNews = true;
      return this.failed(error);
    }
  }

  /** @returns how long to wait before the next attempt */
  private failed(error: unknown): number {
    const { context, handler, progress } = this.options;
    const { topic, partition } = this;
    context.metrics?.consumeFailures.inc({ group: handler.group, topic });
    const failures = progress.failed(topic, partition, describeFailure(explain(error)));
    context.logger.warn(
      { err: error, group: handler.group, topic, partition, from: this.position, failures },
      'a batch failed and will be tried again',
    );
    const ms = Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS);
    return ms * (0.75 + context.random() / 2);
  }

  private async handle(page: LogPage): Promise<void> {
    const { context, progress, handler } = this.options;
    const { topic, partition } = this;
    const labels = { group: handler.group, topic };
    const started = performance.now();
    const outcome = await handleBatch(handler, {
      topic,
      name: topic,
      partition,
      from: this.position,
      to: page.next,
      messages: page.messages.map(({ offset, key, value, timestampMs }) => ({
        offset: String(offset),
        key: Buffer.from(key),
        value,
        timestamp: String(timestampMs),
        attributes: 0,
        headers: {},
      })),
    });
    if (outcome.kind === 'misplaced') {
      this.misplaced();
      return;
    }
    context.metrics?.batchSeconds.observe(labels, (performance.now() - started) / 1000);
    this.position = outcome.next;
    // The partition may be another member's by now; what is committed stays so.
    if (this.isOver()) return;
    progress.committed(topic, partition, outcome.next);
    if (outcome.kind === 'committed') {
      context.metrics?.consumed.inc(labels, outcome.handled);
      return;
    }
    this.blockedBy = `the message at offset ${outcome.next} is a ${outcome.type}, which this release does not know: upgrade this service`;
    progress.blocked(topic, partition, this.blockedBy);
    context.logger.error({ group: handler.group, topic, partition }, this.blockedBy);
    this.ending.abort();
  }

  /**
   * Offsets have no holes but where a compacted topic's messages were superseded. Any other means that the log has
   * lost its beginning to retention before this group had read it, or else a message that nothing may pass over.
   */
  private async assertWhole({ messages, next }: LogPage): Promise<void> {
    if (STATE_TOPICS.has(this.topic) || next - this.position === BigInt(messages.length)) return;
    const logs = await readLogs(this.options.context.pool, [this.topic]);
    const low = logs.find(({ partition }) => partition === this.partition)?.low ?? 0n;
    if (low <= this.position) {
      throw new Error(`the log misses messages from offset ${this.position} to ${next}`);
    }
    this.misplaced();
  }

  private misplaced(): void {
    this.ending.abort();
    this.options.onMisplaced();
  }

  private isOver(): boolean {
    return this.ending.signal.aborted;
  }

  private async rest(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.endRest = resolve;
    });
  }

  private async pause(ms: number): Promise<void> {
    if (ms >= 1) await sleep(ms, undefined, { signal: this.ending.signal }).catch(() => {});
  }
}
