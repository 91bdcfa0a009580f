import type { Pool } from '@tollgate/database';
import { type ArchivePlace, readPlaces } from '../archive/reader.ts';
import type { SegmentStore } from '../archive/segment-store.ts';
import { AuditError } from '../errors.ts';
import type { NumberedRow } from './sift.ts';

type Row = {
  nth: bigint;
  leaf_index: bigint;
  name: string;
  segment_offset: number;
  frame_bytes: number;
};

/**
 * Of rows whose numbers are in the log, those whose bytes are not what the log holds under that number.
 *
 * @param sourceIdOf the id of a row's source
 * @throws AuditError `log_inconsistent` where the index lacks one of the numbers
 */
export async function differing(
  rows: readonly NumberedRow[],
  {
    pool,
    store,
    sourceIdOf,
  }: { pool: Pool; store: SegmentStore; sourceIdOf: (row: NumberedRow) => number | null },
): Promise<NumberedRow[]> {
  if (rows.length === 0) return [];
  const { rows: entries } = await pool.query<Row>(
    `SELECT w.nth, e.leaf_index, s.name, e.segment_offset, e.frame_bytes
     FROM unnest($1::int[], $2::bigint[]) WITH ORDINALITY AS w (source_id, sequence, nth)
     JOIN entry e USING (source_id, sequence) JOIN archive_segment s USING (segment_id)
     ORDER BY w.nth`,
    [rows.map(sourceIdOf), rows.map(({ sequence }) => sequence)],
  );
  if (entries.length !== rows.length) {
    throw new AuditError(
      'log_inconsistent',
      'the sources count numbers as received that the index does not hold',
    );
  }
  const held = await readPlaces(store, entries.map(placeOf));
  return rows.filter((row, nth) => held[nth]?.bytes.equals(row.bytes) !== true);
}

/** Of these event ids, those that are in the log. */
export async function knownIds(pool: Pool, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await pool.query<{ event_id: string }>(
    'SELECT event_id FROM entry WHERE event_id = ANY ($1::uuid[])',
    [ids],
  );
  return new Set(rows.map((row) => row.event_id));
}

function placeOf(row: Row): ArchivePlace {
  return {
    leafIndex: Number(row.leaf_index),
    segment: row.name,
    offset: row.segment_offset,
    frameBytes: row.frame_bytes,
  };
}
