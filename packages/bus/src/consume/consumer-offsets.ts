import type { Pool, Transaction } from '@tollgate/database';
import type { TopicIdentity } from '../kafka/topics/topic-identity.ts';
import type { PartitionLog, PositionPlan, StoredPosition } from './position-plan.ts';

/** Positions of a group by `<topic>/<partition>`; topics by their names in Kafka. */
export type StoredPositions = ReadonlyMap<string, StoredPosition>;

export function positionKey(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

export async function readPositions(
  pool: Pool,
  group: string,
  topics: readonly string[],
): Promise<StoredPositions> {
  const { rows } = await pool.query<{
    topic: string;
    partition: number;
    next_offset: bigint;
    topic_id: TopicIdentity;
  }>(
    `SELECT topic, partition, next_offset, topic_id FROM consumer_offset
     WHERE consumer_group = $1 AND topic = ANY ($2)`,
    [group, topics],
  );
  return new Map(
    rows.map((row) => [
      positionKey(row.topic, row.partition),
      { nextOffset: row.next_offset, identity: row.topic_id },
    ]),
  );
}

/** Carries a plan out, unless the position has moved meanwhile: then whoever moved it knew better. */
export async function applyPlan(
  pool: Pool,
  group: string,
  log: PartitionLog,
  stored: StoredPosition | undefined,
  plan: PositionPlan,
): Promise<void> {
  if (plan.kind === 'create') {
    await pool.query(
      `INSERT INTO consumer_offset (consumer_group, topic, partition, topic_id, next_offset)
       VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
      [group, log.topic, log.partition, log.identity, plan.to],
    );
  } else if (plan.kind !== 'keep' && stored !== undefined) {
    const to = plan.kind === 'correct' ? plan.to : stored.nextOffset;
    await pool.query(
      `UPDATE consumer_offset
       SET next_offset = $4, topic_id = CASE WHEN $5 = '' THEN topic_id ELSE $5 END, updated_at = now()
       WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND next_offset = $6`,
      [group, log.topic, log.partition, to, log.identity, stored.nextOffset],
    );
  }
}

/** Locks a partition's row until the transaction ends; null where there is none. */
export async function lockPosition(
  tx: Transaction,
  group: string,
  topic: string,
  partition: number,
): Promise<bigint | null> {
  const { rows } = await tx.query<{ next_offset: bigint }>({
    name: 'bus.lock_position',
    text: `SELECT next_offset FROM consumer_offset
           WHERE consumer_group = $1 AND topic = $2 AND partition = $3 FOR UPDATE`,
    values: [group, topic, partition],
  });
  return rows[0]?.next_offset ?? null;
}

/** Moves a locked row on. */
export async function movePosition(
  tx: Transaction,
  group: string,
  topic: string,
  partition: number,
  nextOffset: bigint,
): Promise<void> {
  const { rowCount } = await tx.query({
    name: 'bus.move_position',
    text: `UPDATE consumer_offset SET next_offset = $4, updated_at = now()
           WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND next_offset < $4`,
    values: [group, topic, partition, nextOffset],
  });
  if (rowCount !== 1) throw new Error(`the position of ${topic}/${partition} moved under its lock`);
}
