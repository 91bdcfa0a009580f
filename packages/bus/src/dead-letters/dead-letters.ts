import { type DeadLetterData, parseEvent } from '@tollgate/events';
import { BusError } from '../errors.ts';
import type { KafkaContext } from '../kafka/connection/context.ts';
import { createKafkaPublisher } from '../kafka/publish/publisher.ts';
import { readTopic } from '../kafka/topics/read-topic.ts';
import { topicOfName } from '../kafka/topics/topic-names.ts';

/** A message that was put aside. */
export type DeadLetter = {
  /** `<partition>:<offset>` in the dead-letter topic. */
  readonly id: string;
  /** When it was put aside, RFC 3339. */
  readonly time: string;
  readonly data: DeadLetterData;
};

const ID = /^(\d{1,9}):(\d{1,19})$/;

/** Everything in the dead-letter topic, oldest first. */
export async function listDeadLetters(context: KafkaContext): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  await readTopic(context, 'dead-letter', (partition, message) => {
    const letter = deadLetterOf(partition, message);
    if (letter !== null) letters.push(letter);
  });
  return letters.sort((a, b) => a.time.localeCompare(b.time) || a.id.localeCompare(b.id));
}

/** @throws BusError `dead-letter-missing` */
export async function findDeadLetter(context: KafkaContext, id: string): Promise<DeadLetter> {
  const [, partition, offset] = ID.exec(id) ?? [];
  if (partition === undefined || offset === undefined) {
    throw new BusError('dead-letter-missing', `"${id}" is not the id of a dead letter: they look like 3:17`);
  }
  const found: DeadLetter[] = [];
  const from = BigInt(offset);
  await readTopic(
    context,
    'dead-letter',
    (at, message) => {
      const letter = deadLetterOf(at, message);
      if (letter !== null) found.push(letter);
    },
    { partition: Number(partition), fromOffset: from, toOffset: from + 1n },
  );
  const [letter] = found;
  if (letter === undefined || letter.id !== id) {
    throw new BusError(
      'dead-letter-missing',
      `there is no dead letter ${id}: \`tollgate dead-letters list\``,
    );
  }
  return letter;
}

/**
 * Publishes the message's original bytes to its original topic again, for readers that have learnt to read it.
 *
 * @throws BusError `dead-letter-incomplete` where the letter holds only a part of them and the topic no longer does
 */
export async function replayDeadLetter(context: KafkaContext, letter: DeadLetter): Promise<void> {
  const { data } = letter;
  const topic = topicOfName(context.config, data.topic);
  if (topic === undefined) {
    throw new BusError('bad-message', `${data.topic} is no topic of ours: check TOLLGATE_TOPIC_PREFIX`);
  }
  const kept = Buffer.from(data.value, 'base64');
  const value = kept.length === data.value_bytes ? kept : await originalBytes(context, letter);
  const publisher = createKafkaPublisher(context);
  try {
    await publisher.publish([{ topic, key: data.key ?? '', value }]);
  } finally {
    await publisher.close();
  }
}

async function originalBytes(context: KafkaContext, { id, data }: DeadLetter): Promise<Buffer> {
  const topic = topicOfName(context.config, data.topic);
  const offset = BigInt(data.offset);
  const found: Buffer[] = [];
  if (topic !== undefined) {
    await readTopic(
      context,
      topic,
      (_partition, message) => {
        if (message.value !== null) found.push(message.value);
      },
      { partition: data.partition, fromOffset: offset, toOffset: offset + 1n },
    );
  }
  const value = found.find((bytes) => bytes.length === data.value_bytes);
  if (value === undefined) {
    throw new BusError(
      'dead-letter-incomplete',
      `dead letter ${id} keeps a part of ${data.value_bytes} bytes, and ${data.topic} no longer holds the message`,
    );
  }
  return value;
}

function deadLetterOf(
  partition: number,
  message: { readonly offset: string; readonly value: Buffer | null },
): DeadLetter | null {
  if (message.value === null) return null;
  const parsed = parseEvent(message.value);
  if (parsed.kind !== 'event' || parsed.event.type !== 'tollgate.dead-letter.v1') return null;
  return { id: `${partition}:${message.offset}`, time: parsed.event.time, data: parsed.event.data };
}
