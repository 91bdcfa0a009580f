import { isInfrastructureError, type Pool, transaction } from '@tollgate/database';
import type { Parsed, Topic } from '@tollgate/events';
import type { KafkaMessage } from 'kafkajs';
import type { ConsumedMessage, ConsumeOptions } from '../bus.ts';
import { lockPosition, movePosition } from './consumer-offsets.ts';
import type { DeadLetterWriter } from './dead-letter-writer.ts';

/** A stretch of one partition as it was fetched. */
export type FetchedBatch = {
  readonly topic: Topic;
  /** The topic's name in Kafka. */
  readonly name: string;
  readonly partition: number;
  /** Where the fetch began: no message at or above it, up to the last one, is missing from `messages`. */
  readonly from: bigint;
  readonly messages: readonly KafkaMessage[];
  /** Where the next fetch begins. */
  readonly to: bigint;
};

export type BatchOutcome =
  /** Everything below `next` is in the database. */
  | { kind: 'committed'; next: bigint; handled: number }
  /** The stored position does not join up with the batch: read on from where it says. */
  | { kind: 'misplaced' }
  /** Everything below `next` is in the database; the message at `next` needs a newer release. */
  | { kind: 'unknown-version'; next: bigint; type: string };

export type BatchHandler<T> = {
  readonly pool: Pool;
  /** The group's name in Kafka. */
  readonly group: string;
  readonly parse: ConsumeOptions<T>['parse'];
  readonly handle: ConsumeOptions<T>['handle'];
  readonly deadLetters: DeadLetterWriter;
};

type Read<T> = ConsumedMessage & { readonly event: T };

const NO_BYTES = Buffer.alloc(0);

/**
 * The effects of a batch exactly once, in one transaction with the position: the position's row is locked, what lies
 * below it is dropped, the handler runs, the position moves, and all of it commits or none. What can't be read is in
 * the dead-letter topic before the position passes it.
 */
export async function handleBatch<T>(handler: BatchHandler<T>, batch: FetchedBatch): Promise<BatchOutcome> {
  const read = readMessages(handler.parse, batch);
  for (const letter of read.malformed) {
    await handler.deadLetters.write({ ...letter, group: handler.group, name: batch.name });
  }
  const next = read.stop === null ? batch.to : read.stop.offset;
  if (next === batch.from && read.stop !== null) {
    return { kind: 'unknown-version', next, type: read.stop.type };
  }

  const outcome = await transaction(handler.pool, async (tx): Promise<BatchOutcome> => {
    const position = await lockPosition(tx, handler.group, batch.name, batch.partition);
    if (position === null || position < batch.from) return { kind: 'misplaced' };
    if (position >= next) return { kind: 'committed', next: position, handled: 0 };
    const messages =
      position === batch.from ? read.messages : read.messages.filter(({ offset }) => offset >= position);
    if (messages.length > 0) {
      await handler.handle({ topic: batch.topic, partition: batch.partition, messages }, tx);
    }
    await movePosition(tx, handler.group, batch.name, batch.partition, next);
    return { kind: 'committed', next, handled: messages.length };
  });
  if (outcome.kind === 'committed' && read.stop !== null && outcome.next === next) {
    return { kind: 'unknown-version', next, type: read.stop.type };
  }
  return outcome;
}

function readMessages<T>(
  parse: (bytes: Uint8Array) => Parsed<T>,
  batch: FetchedBatch,
): {
  messages: Read<T>[];
  malformed: { message: ConsumedMessage; headers: KafkaMessage['headers']; error: string }[];
  stop: { offset: bigint; type: string } | null;
} {
  const messages: Read<T>[] = [];
  const malformed: { message: ConsumedMessage; headers: KafkaMessage['headers']; error: string }[] = [];
  for (const raw of batch.messages) {
    const value = raw.value ?? NO_BYTES;
    const parsed = parse(value);
    const offset = BigInt(raw.offset);
    if (parsed.kind === 'unknown-version') {
      return { messages, malformed, stop: { offset, type: parsed.type } };
    }
    const { topic, partition } = batch;
    const key = raw.key?.toString('utf8') ?? null;
    const timestampMs = Number(raw.timestamp);
    if (parsed.kind === 'event') {
      messages.push({ topic, partition, offset, key, value, timestampMs, event: parsed.event });
    } else {
      const message = { topic, partition, offset, key, value, timestampMs };
      malformed.push({ message, headers: raw.headers, error: parsed.error });
    }
  }
  return { messages, malformed, stop: null };
}

/** How a failure is called in logs and in `trouble()`. */
export function describeFailure(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return isInfrastructureError(error) ? `the database is not well: ${text}` : text;
}
