import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Topic } from '@tollgate/events';
import type { KafkaMessage } from 'kafkajs';
import type { PartitionLog } from '../../consume/position-plan.ts';
import type { TopicRange } from '../../dead-letters/topic-log.ts';
import { BusError } from '../../errors.ts';
import { createKafkaClient } from '../connection/client.ts';
import type { KafkaContext } from '../connection/context.ts';
import { readLogs } from '../consume/positions.ts';
import { groupName, topicName } from './topic-names.ts';

const READ_TIMEOUT_MS = 120_000;
const FETCH_MAX_WAIT_MS = 100;
/** A broker can be named as a partition's leader a moment before it knows so itself. */
const LEADER_ATTEMPTS = 20;
const LEADER_PAUSE_MS = 250;

/**
 * Reads a topic once, from its beginning to where it ends now, without leaving a trace: a group of its own, and
 * nothing committed. Messages of different partitions come in any order.
 *
 * @throws BusError `topic-missing`, `broker-unreachable`
 */
export async function readTopic(
  context: KafkaContext,
  topic: Topic,
  take: (partition: number, message: KafkaMessage) => void,
  range: TopicRange = {},
): Promise<void> {
  const name = topicName(context.config, topic);
  const logs = await logsOnceLed(context, name);
  const pending = new Map<number, { next: bigint; end: bigint }>();
  for (const { partition, low, high } of logs) {
    if (range.partition !== undefined && range.partition !== partition) continue;
    const next = range.fromOffset === undefined || range.fromOffset < low ? low : range.fromOffset;
    const end = range.toOffset === undefined || range.toOffset > high ? high : range.toOffset;
    if (next < end) pending.set(partition, { next, end });
  }
  if (pending.size === 0) return;

  const finished = Promise.withResolvers<void>();
  const consumer = createKafkaClient(context.config, context.clientId, context.logger).consumer({
    groupId: groupName(context.config, `read.${topic}.${randomUUID()}`),
    maxWaitTimeInMs: FETCH_MAX_WAIT_MS,
    allowAutoTopicCreation: false,
    retry: { retries: 5, restartOnFailure: async () => false },
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => finished.reject(payload.error));
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    for (const partition of payload.memberAssignment[name] ?? []) {
      const state = pending.get(partition);
      if (state === undefined) consumer.pause([{ topic: name, partitions: [partition] }]);
      else consumer.seek({ topic: name, partition, offset: String(state.next) });
    }
  });
  const deadline = setTimeout(
    () =>
      finished.reject(
        new BusError('broker-unreachable', `${name} was not read within ${READ_TIMEOUT_MS} ms`),
      ),
    READ_TIMEOUT_MS,
  );
  try {
    await consumer.connect();
    await consumer.subscribe({ topic: name, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset }) => {
        const state = pending.get(batch.partition);
        if (state === undefined) return;
        for (const message of batch.messages) {
          const offset = BigInt(message.offset);
          if (offset >= state.next && offset < state.end) take(batch.partition, message);
        }
        resolveOffset(batch.lastOffset());
        state.next = BigInt(batch.lastOffset()) + 1n;
        if (state.next >= state.end) pending.delete(batch.partition);
        if (pending.size === 0) finished.resolve();
      },
    });
    await finished.promise;
  } finally {
    clearTimeout(deadline);
    await consumer.disconnect().catch(() => {});
  }
}

async function logsOnceLed(context: KafkaContext, name: string): Promise<PartitionLog[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await readLogs(context, [name]);
    } catch (error) {
      const type: unknown = error instanceof Error ? Reflect.get(error, 'type') : undefined;
      if (type !== 'NOT_LEADER_FOR_PARTITION' || attempt === LEADER_ATTEMPTS) throw error;
      await sleep(LEADER_PAUSE_MS);
    }
  }
}
