import type { Topic } from '@tollgate/events';
import type { OutgoingMessage, Publisher } from '../bus.ts';
import { BusError } from '../errors.ts';
import { PartitionRotation } from '../publish/partition-choice.ts';
import { type AppendPart, append, partsOf } from './append.ts';
import type { PostgresContext } from './context.ts';
import { explain, readLogs } from './log.ts';
import { announce } from './notifications.ts';

/** As on Kafka, so that what can be published does not depend on the bus. */
const MAX_MESSAGE_BYTES = 900_000;
/** A larger batch is appended in several transactions. */
const MAX_APPEND_BYTES = 8 * 1024 * 1024;
/** A partition's turn: its messages are then found together by consumers (see PartitionRotation). */
const ROTATION = { bytes: 256 * 1024, ms: 1_000 };

/**
 * Appends batches in one transaction each, and tells consumers after its commit: in the same transaction, the
 * notification would make all that publish wait for each other's commit, since Postgres commits notifying
 * transactions one at a time. Should the process die in between, consumers find the messages at their next look.
 */
export function createPostgresPublisher(context: PostgresContext): Publisher {
  const rotation = new PartitionRotation(ROTATION, context.nowMs, context.random);
  const partitions = new Map<Topic, number>();
  let working: Promise<void> | undefined;
  let closed = false;
  /** What has been committed and not announced; one announcement is on its way at a time. */
  let pending = new Map<string, AppendPart>();
  let announcing: Promise<void> | undefined;

  async function learnPartitions(batch: readonly OutgoingMessage[]): Promise<void> {
    const unknown = new Set(batch.map(({ topic }) => topic).filter((topic) => !partitions.has(topic)));
    if (unknown.size === 0) return;
    for (const { topic } of await readLogs(context.pool, [...unknown])) {
      for (const asked of unknown) {
        if (asked === topic) partitions.set(asked, (partitions.get(asked) ?? 0) + 1);
      }
    }
    for (const topic of unknown) {
      if (!partitions.has(topic)) {
        throw new BusError('topic-missing', `the embedded bus has no topic ${topic}: set it up anew`);
      }
    }
  }

  async function publish(batch: readonly OutgoingMessage[]): Promise<void> {
    const topics = new Set(batch.map(({ topic }) => topic));
    try {
      await learnPartitions(batch);
      for (const chunk of chunks(batch)) {
        const parts = partsOf(chunk, (topic) => partitions.get(topic) ?? 1, rotation);
        const started = performance.now();
        await append(context.pool, parts);
        const seconds = (performance.now() - started) / 1000;
        for (const part of parts) {
          context.metrics?.published.inc({ topic: part.topic }, part.messages.length);
          context.metrics?.publishSeconds.observe({ topic: part.topic }, seconds);
          pending.set(`${part.topic}/${part.partition}`, part);
        }
        announcing ??= keepAnnouncing();
      }
    } catch (error) {
      for (const topic of topics) {
        partitions.delete(topic);
        context.metrics?.publishFailures.inc({ topic });
      }
      if (error instanceof BusError) throw error;
      const explained = explain(error);
      const cause = explained instanceof Error ? explained.message : String(explained);
      throw new BusError('publish-failed', `the batch was not appended: ${cause}`, { cause: explained });
    }
  }

  async function keepAnnouncing(): Promise<void> {
    while (pending.size > 0) {
      const parts = [...pending.values()];
      pending = new Map();
      await announce(context.pool, parts).catch((error: unknown) =>
        context.logger.debug({ err: error }, 'consumers were not told; they look by themselves'),
      );
    }
    announcing = undefined;
  }

  return {
    async publish(batch) {
      if (closed) throw new BusError('closed', 'the publisher has been closed');
      if (batch.length === 0) return;
      checkMessages(batch);
      working = publish(batch);
      await working;
    },
    async close() {
      closed = true;
      await working?.catch(() => {});
      await announcing;
    },
  };
}

function checkMessages(batch: readonly OutgoingMessage[]): void {
  for (const { topic, key, value } of batch) {
    if (key.includes('\0')) {
      throw new BusError(
        'bad-message',
        `a message for ${topic} has a key with a NUL, which Postgres can't keep`,
      );
    }
    if (value.length > MAX_MESSAGE_BYTES) {
      throw new BusError(
        'bad-message',
        `a message for ${topic} has ${value.length} bytes; at most ${MAX_MESSAGE_BYTES} can be published`,
      );
    }
  }
}

function chunks(batch: readonly OutgoingMessage[]): OutgoingMessage[][] {
  const result: OutgoingMessage[][] = [];
  let current: OutgoingMessage[] = [];
  let bytes = 0;
  for (const message of batch) {
    if (current.length > 0 && bytes + message.value.length > MAX_APPEND_BYTES) {
      result.push(current);
      current = [];
      bytes = 0;
    }
    current.push(message);
    bytes += message.value.length;
  }
  if (current.length > 0) result.push(current);
  return result;
}
