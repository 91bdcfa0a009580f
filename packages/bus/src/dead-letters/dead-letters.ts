import { type DeadLetterData, parseEvent } from '@tollgate/events';
import { BusError } from '../errors.ts';
import type { TopicLog } from './topic-log.ts';

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
export async function listDeadLetters(log: TopicLog): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  await log.read('dead-letter', (...at) => {
    const letter = deadLetterOf(...at);
    if (letter !== null) letters.push(letter);
  });
  return letters.sort((a, b) => a.time.localeCompare(b.time) || a.id.localeCompare(b.id));
}

/** @throws BusError `dead-letter-missing` */
export async function findDeadLetter(log: TopicLog, id: string): Promise<DeadLetter> {
  const [, partition, offset] = ID.exec(id) ?? [];
  if (partition === undefined || offset === undefined) {
    throw new BusError('dead-letter-missing', `"${id}" is not the id of a dead letter: they look like 3:17`);
  }
  const found: DeadLetter[] = [];
  const from = BigInt(offset);
  await log.read(
    'dead-letter',
    (...at) => {
      const letter = deadLetterOf(...at);
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
export async function replayDeadLetter(log: TopicLog, letter: DeadLetter): Promise<void> {
  const { data } = letter;
  const topic = log.topicOfName(data.topic);
  if (topic === undefined) {
    throw new BusError('bad-message', `${data.topic} is no topic of ours: check TOLLGATE_TOPIC_PREFIX`);
  }
  const kept = Buffer.from(data.value, 'base64');
  const value = kept.length === data.value_bytes ? kept : await originalBytes(log, letter);
  await log.publish({ topic, key: data.key ?? '', value });
}

async function originalBytes(log: TopicLog, { id, data }: DeadLetter): Promise<Buffer> {
  const topic = log.topicOfName(data.topic);
  const offset = BigInt(data.offset);
  const found: Buffer[] = [];
  if (topic !== undefined) {
    await log.read(
      topic,
      (_partition, _offset, value) => {
        if (value !== null) found.push(value);
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

function deadLetterOf(partition: number, offset: bigint, value: Buffer | null): DeadLetter | null {
  if (value === null) return null;
  const parsed = parseEvent(value);
  if (parsed.kind !== 'event' || parsed.event.type !== 'tollgate.dead-letter.v1') return null;
  return { id: `${partition}:${offset}`, time: parsed.event.time, data: parsed.event.data };
}
