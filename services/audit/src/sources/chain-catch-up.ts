import type { Pool } from '@tollgate/database';
import { readPlaces } from '../archive/reader.ts';
import type { SegmentStore } from '../archive/segment-store.ts';
import type { SourceRegister } from './register.ts';

/** Events read from the archive in one go. */
const MAX_EVENTS = 500;

type Row = {
  sequence: bigint;
  leaf_index: bigint;
  name: string;
  segment_offset: number;
  frame_bytes: number;
};

/**
 * Moves the chain of one source on, over events that came too early to be held in memory or before a restart.
 * Returns whether there was such a one.
 */
export async function catchUpChains(
  register: SourceRegister,
  { pool, store }: { readonly pool: Pool; readonly store: SegmentStore },
): Promise<boolean> {
  for (const source of register.behind()) {
    const { rows } = await pool.query<Row>(
      `SELECT e.sequence, e.leaf_index, s.name, e.segment_offset, e.frame_bytes
       FROM entry e JOIN archive_segment s USING (segment_id)
       WHERE e.source_id = $1 AND e.sequence > $2 ORDER BY e.sequence LIMIT ${MAX_EVENTS}`,
      [source.id, source.chain.to],
    );
    const events = await readPlaces(
      store,
      rows.map((row) => ({
        leafIndex: Number(row.leaf_index),
        segment: row.name,
        offset: row.segment_offset,
        frameBytes: row.frame_bytes,
      })),
    );
    for (const [nth, row] of rows.entries()) {
      const event = events[nth];
      if (event !== undefined) source.chain.add(Number(row.sequence), event.bytes);
    }
    register.change(source, source.state);
    return true;
  }
  return false;
}
