import type { Pool } from '@tollgate/database';
import { archivedFrom } from '../archive/replay.ts';
import type { SegmentStore } from '../archive/segment-store.ts';
import { AuditError } from '../errors.ts';
import type { IndexableEvent } from './committed-events.ts';
import { factsOf } from './event-facts.ts';

type Row = {
  leaf_index: bigint;
  name: string;
  source_id: number;
  sequence: bigint;
  time_ms: number;
  received_ms: number;
};

/**
 * What the index needs to know of the events between two leaves: from the archive, and from the log's own table what
 * the archive does not hold.
 * @throws AuditError `log_inconsistent` where the two do not hold the same leaves
 */
export async function readIndexable(
  parts: { readonly pool: Pool; readonly store: SegmentStore },
  firstLeaf: number,
  endLeaf: number,
): Promise<IndexableEvent[]> {
  const { rows } = await parts.pool.query<Row>(
    `SELECT e.leaf_index, s.name, e.source_id, e.sequence, (extract(epoch FROM e.time) * 1000)::float8 AS time_ms,
            (extract(epoch FROM e.received_at) * 1000)::float8 AS received_ms
     FROM entry e JOIN source s USING (source_id) WHERE e.leaf_index >= $1 AND e.leaf_index < $2 ORDER BY e.leaf_index`,
    [firstLeaf, endLeaf],
  );
  const events: IndexableEvent[] = [];
  for await (const { bytes } of archivedFrom(parts, firstLeaf, endLeaf)) {
    const facts = factsOf(bytes);
    const leaf = firstLeaf + events.length;
    const row = rows[events.length];
    if (row === undefined || Number(row.leaf_index) !== leaf || row.name !== facts.source) {
      throw new AuditError(
        'log_inconsistent',
        `the log's table lacks leaf ${leaf}, which the archive holds, or names another source`,
      );
    }
    events.push({
      facts,
      sourceId: row.source_id,
      sequence: Number(row.sequence),
      timeMs: row.time_ms,
      receivedMs: row.received_ms,
    });
  }
  return events;
}
