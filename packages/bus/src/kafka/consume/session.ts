import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, EachBatchPayload } from 'kafkajs';
import { type BatchHandler, describeFailure, type FetchedBatch, handleBatch } from '../../consume/batch.ts';
import type { ConsumeProgress } from '../../consume/progress.ts';
import { BusError } from '../../errors.ts';
import { unlessAborted } from '../connection/abandon.ts';
import { createKafkaClient } from '../connection/client.ts';
import type { KafkaContext } from '../connection/context.ts';
import { topicOfName } from '../topics/topic-names.ts';
import { type Assignment, establishPositions } from './positions.ts';

export type ConsumeTuning = {
  /** A member that the broker does not hear of for so long loses its partitions. */
  readonly sessionTimeoutMs: number;
  /** How many partitions are handled at once, each by a connection of the pool. */
  readonly partitionsAtOnce: number;
};

const HEARTBEAT_INTERVAL_MS = 2_000;
const REBALANCE_TIMEOUT_MS = 30_000;
/** The broker answers a fetch when so much has come together, or after so long: large batches, little waiting. */
const FETCH_MIN_BYTES = 32 * 1024;
const FETCH_MAX_WAIT_MS = 50;
const FETCH_MAX_PARTITION_BYTES = 2 * 1024 * 1024;
const FETCH_MAX_BYTES = 16 * 1024 * 1024;
/** Kafka's own book of offsets is for its tools only; ours is in the database. */
const COMMIT_TO_KAFKA_EVERY_MS = 5_000;
const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 10_000;

/**
 * One membership in the group, from joining to its end, however it ends. A new one is begun after it.
 *
 * kafkajs is left nothing to decide: it commits nothing, resolves nothing by itself, and a batch that fails is asked
 * for again after a pause of its partition, while the others go on and heartbeats are sent.
 */
export class ConsumeSession<T> {
  private readonly context: KafkaContext;
  private readonly handler: BatchHandler<T>;
  private readonly progress: ConsumeProgress;
  private readonly tuning: ConsumeTuning;
  private readonly maxBatch: number;
  private readonly consumer: Consumer;
  private readonly ending = new AbortController();
  private generation = 0;
  private joined = false;
  private readonly crashed = Promise.withResolvers<Error>();

  constructor(options: {
    context: KafkaContext;
    handler: BatchHandler<T>;
    progress: ConsumeProgress;
    tuning: ConsumeTuning;
    maxBatch: number;
  }) {
    this.context = options.context;
    this.handler = options.handler;
    this.progress = options.progress;
    this.tuning = options.tuning;
    this.maxBatch = options.maxBatch;
    const kafka = createKafkaClient(this.context.config, this.context.clientId, this.context.logger);
    this.consumer = kafka.consumer({
      groupId: this.handler.group,
      sessionTimeout: this.tuning.sessionTimeoutMs,
      heartbeatInterval: HEARTBEAT_INTERVAL_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      minBytes: FETCH_MIN_BYTES,
      maxWaitTimeInMs: FETCH_MAX_WAIT_MS,
      maxBytesPerPartition: FETCH_MAX_PARTITION_BYTES,
      maxBytes: FETCH_MAX_BYTES,
      allowAutoTopicCreation: false,
      retry: { retries: 5, restartOnFailure: async () => false },
    });
  }

  isJoined(): boolean {
    return this.joined;
  }

  /** Runs until it fails or is ended. Throws what made it fail, `closed` where that was `end`. */
  async run(names: readonly string[]): Promise<void> {
    const { consumer } = this;
    consumer.on(consumer.events.CRASH, ({ payload }) => this.crashed.resolve(payload.error));
    consumer.on(consumer.events.FETCH, () => this.progress.fetched());
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.takeOver(payload.memberAssignment));
    let commits: NodeJS.Timeout | undefined;
    try {
      await unlessAborted(consumer.connect(), this.ending.signal, () => {
        void consumer.disconnect().catch(() => {});
      });
      await consumer.subscribe({ topics: [...names], fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: this.tuning.partitionsAtOnce,
        eachBatch: (payload) => this.eachBatch(payload),
      });
      commits = setInterval(() => void this.commitToKafka(), COMMIT_TO_KAFKA_EVERY_MS);
      throw await unlessAborted(this.crashed.promise, this.ending.signal);
    } finally {
      clearInterval(commits);
      this.ending.abort();
      this.joined = false;
      await this.commitToKafka();
      await consumer.disconnect().catch(() => {});
    }
  }

  /** Finishes the transactions in hand and leaves the group; `run` then returns. */
  end(): void {
    this.ending.abort();
  }

  /** Called in the moment of joining, before anything is fetched: nothing is, until the positions are known. */
  private takeOver(assignment: Assignment): void {
    this.generation += 1;
    const { generation } = this;
    this.progress.assigned(assignment);
    const partitions = topicPartitions(assignment);
    if (partitions.length > 0) this.consumer.pause(partitions);
    void this.seekToPositions(generation, assignment).then((sought) => {
      if (!sought || this.isOver(generation)) return;
      this.consumer.resume(partitions);
      this.joined = true;
    });
  }

  private async seekToPositions(generation: number, assignment: Assignment): Promise<boolean> {
    for (let attempt = 0; !this.isOver(generation); attempt += 1) {
      try {
        const { context, handler } = this;
        const positions = await establishPositions(context, handler.pool, handler.group, assignment);
        if (this.isOver(generation)) return false;
        for (const { topic, partition, nextOffset } of positions) {
          this.consumer.seek({ topic, partition, offset: String(nextOffset) });
          this.progress.committed(topic, partition, nextOffset);
        }
        return true;
      } catch (error) {
        this.context.logger.warn({ err: error, group: this.handler.group }, 'positions are not known yet');
        for (const [topic, partitions] of Object.entries(assignment)) {
          for (const partition of partitions) this.progress.failed(topic, partition, describeFailure(error));
        }
        await this.pauseFor(attempt + 1);
      }
    }
    return false;
  }

  private async eachBatch(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const { generation } = this;
    const topic = topicOfName(this.context.config, batch.topic);
    if (topic === undefined) throw new BusError('bad-message', `${batch.topic} is not a topic of ours`);
    this.progress.ends(batch.topic, batch.partition, BigInt(batch.highWatermark));

    const heartbeats = setInterval(() => void payload.heartbeat().catch(() => {}), HEARTBEAT_INTERVAL_MS);
    try {
      let from = fetchedFrom(batch);
      for (let start = 0; start < batch.messages.length; start += this.maxBatch) {
        if (this.isOver(generation) || !payload.isRunning() || payload.isStale()) return;
        const messages = batch.messages.slice(start, start + this.maxBatch);
        const isLast = start + this.maxBatch >= batch.messages.length;
        const last = isLast ? batch.lastOffset() : messages.at(-1)?.offset;
        const to = BigInt(last ?? batch.lastOffset()) + 1n;
        const part = { topic, name: batch.topic, partition: batch.partition, from, messages, to };
        if (!(await this.handlePart(part, payload, generation))) return;
        from = to;
      }
    } finally {
      clearInterval(heartbeats);
    }
  }

  /** @returns whether the batch's next part may follow */
  private async handlePart(
    part: FetchedBatch,
    payload: EachBatchPayload,
    generation: number,
  ): Promise<boolean> {
    const { name, partition } = part;
    const started = performance.now();
    const labels = { group: this.handler.group, topic: part.topic };
    try {
      const outcome = await handleBatch(this.handler, part);
      // The partition may be another member's by now; what is committed stays so.
      if (this.isOver(generation)) return false;
      if (outcome.kind === 'misplaced') {
        this.reposition(name, partition, payload);
        return false;
      }
      this.context.metrics?.batchSeconds.observe(labels, (performance.now() - started) / 1000);
      if (outcome.next > part.from) payload.resolveOffset(String(outcome.next - 1n));
      this.progress.committed(name, partition, outcome.next);
      if (outcome.kind === 'committed') {
        this.context.metrics?.consumed.inc(labels, outcome.handled);
        if (outcome.next === part.to) return true;
        this.consumer.seek({ topic: name, partition, offset: String(outcome.next) });
        return false;
      }
      payload.pause();
      const why = `the message at offset ${outcome.next} is a ${outcome.type}, which this release does not know: upgrade this service`;
      this.progress.blocked(name, partition, why);
      this.context.logger.error({ group: this.handler.group, topic: name, partition }, why);
      return false;
    } catch (error) {
      if (this.isOver(generation)) return false;
      this.context.metrics?.consumeFailures.inc(labels);
      const failures = this.progress.failed(name, partition, describeFailure(error));
      this.context.logger.warn(
        { err: error, group: this.handler.group, topic: name, partition, from: part.from, failures },
        'a batch failed and will be tried again',
      );
      const resume = payload.pause();
      void this.pauseFor(failures).then(() => {
        if (!this.isOver(generation)) resume();
      });
      return false;
    }
  }

  /** The stored position is not where this batch begins: the database's restore, or a topic made anew. */
  private reposition(name: string, partition: number, payload: EachBatchPayload): void {
    const resume = payload.pause();
    const { generation } = this;
    void this.seekToPositions(generation, { [name]: [partition] }).then((sought) => {
      if (sought && !this.isOver(generation)) resume();
    });
  }

  private async commitToKafka(): Promise<void> {
    const positions = this.progress.positions();
    if (positions.length === 0) return;
    await this.consumer.commitOffsets(positions).catch((error: unknown) => {
      this.context.logger.debug({ err: error, group: this.handler.group }, 'Kafka did not note the offsets');
    });
  }

  private isOver(generation: number): boolean {
    return this.ending.signal.aborted || generation !== this.generation;
  }

  private async pauseFor(failures: number): Promise<void> {
    const ms = Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS);
    const jittered = ms * (0.75 + this.context.random() / 2);
    await sleep(jittered, undefined, { signal: this.ending.signal }).catch(() => {});
  }
}

function topicPartitions(assignment: Assignment): { topic: string; partitions: number[] }[] {
  return Object.entries(assignment).map(([topic, partitions]) => ({ topic, partitions: [...partitions] }));
}

/** kafkajs keeps where the fetch began, without declaring it: gaps in offsets below it are not gaps in messages. */
function fetchedFrom(batch: EachBatchPayload['batch']): bigint {
  const offset: unknown = Reflect.get(batch, 'fetchedOffset');
  if (typeof offset !== 'string') throw new Error('kafkajs no longer tells where a fetch began');
  return BigInt(offset);
}
