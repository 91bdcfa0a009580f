import type { Pool } from '@tollgate/database';
import { applyPlan, positionKey, readPositions } from '../../consume/consumer-offsets.ts';
import { type PartitionLog, planPosition } from '../../consume/position-plan.ts';
import { withAdmin } from '../connection/admin.ts';
import type { KafkaContext } from '../connection/context.ts';
import { topicIdentities } from '../topics/topic-identity.ts';

export type Assignment = Readonly<Record<string, readonly number[]>>;
export type Position = { readonly topic: string; readonly partition: number; readonly nextOffset: bigint };

/**
 * Where the group has to read on in each partition it was given: as the database says, once that has been compared
 * with the log, whatever Kafka's own committed offset says.
 */
export async function establishPositions(
  context: KafkaContext,
  pool: Pool,
  group: string,
  assignment: Assignment,
): Promise<Position[]> {
  const topics = Object.keys(assignment);
  if (topics.length === 0) return [];
  const stored = await readPositions(pool, group, topics);
  const logs = (await readLogs(context, topics)).filter((log) =>
    assignment[log.topic]?.includes(log.partition),
  );
  for (const log of logs) {
    const before = stored.get(positionKey(log.topic, log.partition));
    const plan = planPosition(before, log);
    if (plan.kind === 'correct') {
      const change = {
        group,
        topic: log.topic,
        partition: log.partition,
        from: before?.nextOffset,
        to: plan.to,
      };
      if (plan.reason === 'expired-unread') {
        context.logger.error(change, 'messages expired before this group had read them; they are lost to it');
      } else {
        context.logger.warn(
          { ...change, reason: plan.reason },
          'offsets were given anew; reading everything again',
        );
      }
    }
    await applyPlan(pool, group, log, before, plan);
  }
  const after = await readPositions(pool, group, topics);
  return logs.flatMap(({ topic, partition }) => {
    const position = after.get(positionKey(topic, partition));
    return position === undefined ? [] : [{ topic, partition, nextOffset: position.nextOffset }];
  });
}

/** The logs of all partitions of the topics, by their names in Kafka. */
export async function readLogs(context: KafkaContext, topics: readonly string[]): Promise<PartitionLog[]> {
  const identities = await topicIdentities(context, topics);
  return withAdmin(context, async (admin) => {
    const logs: PartitionLog[] = [];
    for (const topic of topics) {
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        logs.push({
          topic,
          partition,
          identity: identities.get(topic) ?? '',
          low: BigInt(low),
          high: BigInt(high),
        });
      }
    }
    return logs;
  });
}
