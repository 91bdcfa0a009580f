import { CONTENT_TYPE, type Topic } from '@tollgate/events';
import type { Producer } from 'kafkajs';
import type { OutgoingMessage, Publisher } from '../../bus.ts';
import { BusError } from '../../errors.ts';
import { isStateTopic, PartitionRotation, partitionOfKey } from '../../publish/partition-choice.ts';
import { createKafkaClient } from '../connection/client.ts';
import type { KafkaContext } from '../connection/context.ts';
import { adaptKafkajs } from '../connection/kafkajs-internals.ts';
import { topicName } from '../topics/topic-names.ts';
import { PartitionCounts } from './partition-counts.ts';
import { PackedRecords } from './produce-request.ts';
import { encodeHeaders } from './record-batch.ts';

/** Below the broker's default `message.max.bytes` of 1,048,588, which counts a batch with its frames. */
const MAX_SEND_BYTES = 900_000;
/** What frame, key and headers add to a message's value, generously. */
const MESSAGE_OVERHEAD_BYTES = 64;
/** A partition's turn: its messages are then found together by consumers (see PartitionRotation). */
const ROTATION = { bytes: 256 * 1024, ms: 1_000 };
const ACKNOWLEDGE_TIMEOUT_MS = 10_000;
const ACKS_ALL = -1;
/** Few, because the caller repeats the batch, and its next attempt goes to another partition. */
const SEND_RETRIES = 4;

const HEADERS = { 'content-type': CONTENT_TYPE };
const ENCODED_HEADERS = encodeHeaders(HEADERS);

/** Messages of one topic and partition, which travel in one request. */
type Send = {
  readonly topic: Topic;
  readonly partition: number;
  readonly messages: readonly OutgoingMessage[];
};

/**
 * A publisher that loses nothing when leaders fail: **each send has one partition**, because kafkajs, repeating a
 * send that spans brokers, forgets what one of them had not stored. Sends of different topics run side by side, each
 * being a request of its own. The broker is asked for no de-duplication (that would bind every batch to a sequence
 * which a failed send leaves in doubt): a repeated batch can be stored twice, and consumers drop what they have seen.
 *
 * Connects at the first batch, and anew after a failed one.
 */
export function createKafkaPublisher(
  context: KafkaContext,
  /** Whether kafkajs lets us write its requests' records; it does, in the release that we know. */
  packedRecords = adaptKafkajs().packedRecords,
): Publisher {
  const rotation = new PartitionRotation(ROTATION, context.nowMs, context.random);
  const counts = new PartitionCounts(context);
  let connected: Promise<Producer> | undefined;
  let working: Promise<void> | undefined;
  let closed = false;

  function producer(): Promise<Producer> {
    connected ??= connect(context);
    return connected;
  }

  /** Nothing is known of what a producer whose send has failed still holds: never used again. */
  function discard(): void {
    const discarded = connected;
    connected = undefined;
    discarded?.then((old) => old.disconnect()).catch(() => {});
  }

  async function send(to: Send): Promise<void> {
    const name = topicName(context.config, to.topic);
    const started = performance.now();
    const records = to.messages.map(({ key, value }) => ({ key: Buffer.from(key), value }));
    const stored = await (await producer()).send({
      topic: name,
      acks: ACKS_ALL,
      timeout: ACKNOWLEDGE_TIMEOUT_MS,
      messages: packedRecords
        ? // The one place where kafkajs is told less than the truth: kafkajs-internals.ts takes it up again.
          [
            {
              partition: to.partition,
              value: new PackedRecords(records, ENCODED_HEADERS, context.nowMs()) as unknown as Buffer,
            },
          ]
        : records.map((record) => ({ ...record, partition: to.partition, headers: HEADERS })),
    });
    const confirmed = stored.some(
      (part) => part.topicName === name && part.partition === to.partition && part.errorCode === 0,
    );
    if (!confirmed) {
      throw new BusError('publish-unconfirmed', `${name}/${to.partition}: the answer does not cover it`);
    }
    context.metrics?.published.inc({ topic: to.topic }, to.messages.length);
    context.metrics?.publishSeconds.observe({ topic: to.topic }, (performance.now() - started) / 1000);
  }

  /** One after the other, so that messages of a partition keep their order. */
  async function sendTopic(topic: Topic, messages: readonly OutgoingMessage[]): Promise<void> {
    try {
      const count = await counts.of(topic);
      for (const part of split(topic, messages, count, rotation)) await send(part);
    } catch (error) {
      rotation.skip(topic);
      counts.forget(topic);
      context.metrics?.publishFailures.inc({ topic });
      throw error;
    }
  }

  async function publish(batch: readonly OutgoingMessage[]): Promise<void> {
    const byTopic = Map.groupBy(batch, (message) => message.topic);
    const results = await Promise.allSettled(
      [...byTopic].map(([topic, messages]) => sendTopic(topic, messages)),
    );
    const failed = results.filter((result) => result.status === 'rejected').map((result) => result.reason);
    if (failed.length === 0) return;
    discard();
    const [first] = failed;
    if (first instanceof BusError) throw first;
    throw new BusError(
      'publish-failed',
      `${failed.length} of ${byTopic.size} topics did not take the batch: ${messageOf(first)}`,
      { cause: first },
    );
  }

  return {
    async publish(batch) {
      if (closed) throw new BusError('closed', 'the publisher has been closed');
      if (batch.length === 0) return;
      checkSizes(batch);
      working = publish(batch);
      await working;
    },
    async close() {
      closed = true;
      await working?.catch(() => {});
      const last = connected;
      connected = undefined;
      await last?.then((producer) => producer.disconnect()).catch(() => {});
    },
  };
}

async function connect(context: KafkaContext): Promise<Producer> {
  const kafka = createKafkaClient(context.config, context.clientId, context.logger);
  const producer = kafka.producer({
    allowAutoTopicCreation: false,
    retry: { retries: SEND_RETRIES },
    // Every message names its partition; kafkajs warns where no partitioner is given.
    createPartitioner: () => (choice) => choice.message.partition ?? 0,
  });
  await producer.connect();
  return producer;
}

function checkSizes(batch: readonly OutgoingMessage[]): void {
  for (const message of batch) {
    if (sizeOf(message) > MAX_SEND_BYTES) {
      throw new BusError(
        'bad-message',
        `a message for ${message.topic} has ${message.value.length} bytes; at most ${MAX_SEND_BYTES} can be published`,
      );
    }
  }
}

function sizeOf(message: OutgoingMessage): number {
  return message.value.length + message.key.length + MESSAGE_OVERHEAD_BYTES;
}

/** The sends of one topic: state topics by key, the others to the partition whose turn it is. */
function split(
  topic: Topic,
  messages: readonly OutgoingMessage[],
  partitions: number,
  rotation: PartitionRotation,
): Send[] {
  if (isStateTopic(topic)) {
    const byPartition = Map.groupBy(messages, (message) => partitionOfKey(message.key, partitions));
    return [...byPartition].flatMap(([partition, ofPartition]) =>
      chunks(ofPartition).map((chunk) => ({ topic, partition, messages: chunk.messages })),
    );
  }
  return chunks(messages).map((chunk) => ({
    topic,
    partition: rotation.choose(topic, partitions, chunk.bytes),
    messages: chunk.messages,
  }));
}

function chunks(messages: readonly OutgoingMessage[]): { messages: OutgoingMessage[]; bytes: number }[] {
  const result: { messages: OutgoingMessage[]; bytes: number }[] = [];
  let current = { messages: [] as OutgoingMessage[], bytes: 0 };
  for (const message of messages) {
    const bytes = sizeOf(message);
    if (current.messages.length > 0 && current.bytes + bytes > MAX_SEND_BYTES) {
      result.push(current);
      current = { messages: [], bytes: 0 };
    }
    current.messages.push(message);
    current.bytes += bytes;
  }
  if (current.messages.length > 0) result.push(current);
  return result;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
