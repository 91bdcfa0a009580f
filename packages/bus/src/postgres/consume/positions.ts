import type { Pool } from '@tollgate/database';
import { applyPlan, positionKey, readPositions } from '../../consume/consumer-offsets.ts';
import { type PartitionLog, planPosition } from '../../consume/position-plan.ts';
import type { PostgresContext } from '../context.ts';

/**
 * Where the group has to read on in each of these partitions, by `positionKey`: as the service's database says, once
 * that has been compared with the log.
 *
 * @param readLogs looks at the logs after the positions were read, so that none seems to be ahead of its log
 */
export async function establishPositions(
  context: PostgresContext,
  pool: Pool,
  group: string,
  topics: readonly string[],
  readLogs: () => Promise<readonly PartitionLog[]>,
): Promise<Map<string, bigint>> {
  const stored = await readPositions(pool, group, topics);
  const logs = await readLogs();
  for (const log of logs) {
    const before = stored.get(positionKey(log.topic, log.partition));
    const plan = planPosition(before, log);
    if (plan.kind === 'correct') {
      const { topic, partition } = log;
      const change = { group, topic, partition, from: before?.nextOffset, to: plan.to };
      if (plan.reason === 'expired-unread') {
        context.logger.error(change, 'messages expired before this group had read them; they are lost to it');
      } else {
        const { reason } = plan;
        context.logger.warn({ ...change, reason }, 'offsets were given anew; reading everything again');
      }
    }
    await applyPlan(pool, group, log, before, plan);
  }
  const after = await readPositions(pool, group, topics);
  return new Map(
    logs.flatMap(({ topic, partition }) => {
      const key = positionKey(topic, partition);
      const position = after.get(key);
      return position === undefined ? [] : [[key, position.nextOffset] as const];
    }),
  );
}
