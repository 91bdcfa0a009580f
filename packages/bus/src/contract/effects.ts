import { deepEqual, equal } from 'node:assert/strict';
import type { Pool, Transaction } from '@tollgate/database';
import type { TollgateEvent } from '@tollgate/events';
import { until } from '@tollgate/testing';
import type { ConsumedBatch } from '../bus.ts';

export const IN_TIME = { timeoutMs: 30_000 };

/** A handler as services write it: drops events it has seen, acts on the others. */
export function effectsOf(handledBy: string) {
  return async (batch: ConsumedBatch<TollgateEvent>, tx: Transaction): Promise<void> => {
    await tx.query(
      'INSERT INTO delivery (topic, partition, message_offset) SELECT $1, $2, unnest($3::bigint[])',
      [batch.topic, batch.partition, batch.messages.map((message) => message.offset)],
    );
    await tx.query(
      `WITH fresh AS (
         INSERT INTO seen_event (event_id) SELECT DISTINCT unnest($1::uuid[])
         ON CONFLICT DO NOTHING RETURNING event_id
       )
       INSERT INTO effect (event_id, handled_by) SELECT event_id, $2 FROM fresh`,
      [batch.messages.map((message) => message.event.id), handledBy],
    );
  };
}

export async function countEffects(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: bigint }>('SELECT count(*) FROM effect');
  return Number(rows[0]?.count ?? 0);
}

/** Waits until there are so many effects, then asserts that they are of these events, each once. */
export async function assertEffects(pool: Pool, ids: readonly string[]): Promise<void> {
  let count = 0;
  await until(
    async () => {
      count = await countEffects(pool);
      return count >= ids.length;
    },
    { ...IN_TIME, describe: () => `${count} of ${ids.length} effects` },
  );
  const { rows } = await pool.query<{ event_id: string }>('SELECT event_id FROM effect');
  deepEqual(rows.map((row) => row.event_id).sort(), [...ids].sort());
}

/** No message was given to a handler whose transaction committed, twice. */
export async function assertNoRepeatedDelivery(pool: Pool): Promise<void> {
  const { rows } = await pool.query(
    'SELECT topic, partition, message_offset FROM delivery GROUP BY 1, 2, 3 HAVING count(*) > 1',
  );
  equal(rows.length, 0, `delivered more than once: ${JSON.stringify(rows, textOfBigInt)}`);
}

function textOfBigInt(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
