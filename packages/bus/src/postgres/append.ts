import type { Topic } from '@tollgate/events';
import type { OutgoingMessage } from '../bus.ts';
import { BusError } from '../errors.ts';
import { isStateTopic, type PartitionRotation, partitionOfKey } from '../publish/partition-choice.ts';
import type { Statements } from './log.ts';

/** Messages for one partition. */
export type AppendPart = {
  readonly topic: Topic;
  readonly partition: number;
  readonly messages: readonly OutgoingMessage[];
};

/**
 * Which partitions a batch goes to: per topic one, the one whose turn it is; state topics by key. In the order of
 * topic and partition, which is the order in which their rows are locked.
 *
 * @param partitions of each topic in the batch
 */
export function partsOf(
  batch: readonly OutgoingMessage[],
  partitions: (topic: Topic) => number,
  rotation: PartitionRotation,
): AppendPart[] {
  const parts = [...Map.groupBy(batch, (message) => message.topic)].flatMap(([topic, messages]) => {
    const count = partitions(topic);
    if (isStateTopic(topic)) {
      return [...Map.groupBy(messages, ({ key }) => partitionOfKey(key, count))].map(
        ([partition, ofPartition]) => ({ topic, partition, messages: ofPartition }),
      );
    }
    const bytes = messages.reduce((sum, { value }) => sum + value.length, 0);
    return [{ topic, partition: rotation.choose(topic, count, bytes), messages }];
  });
  return parts.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}

/** Appends all parts, or none: one statement, which is a transaction of its own. */
export async function append(database: Statements, parts: readonly AppendPart[]): Promise<void> {
  const messages = parts.flatMap((part) => part.messages);
  const { rows } = await database.query<{ ends: bigint[] }>({
    name: 'bus.append',
    text: 'SELECT bus.append($1, $2, $3, $4, $5, $6) AS ends',
    values: [
      parts.map(({ topic }) => topic),
      parts.map(({ partition }) => partition),
      parts.map((part) => part.messages.length),
      messages.map(({ key }) => key),
      messages.map(({ value }) => value.length),
      Buffer.concat(messages.map(({ value }) => value)),
    ],
  });
  if (rows[0]?.ends.length !== parts.length) {
    throw new BusError('publish-unconfirmed', 'the answer does not cover the batch');
  }
}
