import type { Pool } from '@tollgate/database';
import { AuditError } from '../errors.ts';
import { readLogState } from '../log/log-state.ts';
import type { ArchivedEvent } from './frame.ts';
import { readSegment } from './reader.ts';
import type { SegmentStore } from './segment-store.ts';

/** Leaves looked at for one page at most, whether or not they are of the kind asked for. */
const MAX_SCANNED = 100_000;
/** Lines are handed on in pieces of about this many characters. */
const CHUNK_CHARACTERS = 64 * 1024;

export interface ReplayRequest {
  /** The leaf index before the first one wanted; -1 for the beginning. */
  readonly after: number;
  readonly limit: number;
  readonly type?: string | undefined;
}

/** Pieces of NDJSON: the events after a leaf, then where to go on. */
export async function* replay(
  parts: { readonly pool: Pool; readonly store: SegmentStore },
  request: ReplayRequest,
): AsyncGenerator<string> {
  const { size } = await readLogState(parts.pool);
  let after = Math.min(request.after, size - 1);
  const lastScanned = Math.min(size, after + 1 + MAX_SCANNED);
  let left = request.limit;
  let chunk = '';
  for await (const event of archivedFrom(parts, after + 1, lastScanned)) {
    after = event.leafIndex;
    if (request.type === undefined || typeOf(event) === request.type) {
      chunk += lineOf(event);
      left -= 1;
    }
    if (chunk.length >= CHUNK_CHARACTERS) {
      yield chunk;
      chunk = '';
    }
    if (left === 0) break;
  }
  yield `${chunk}${JSON.stringify({ after, log_size: size })}\n`;
}

/** The archived events from one leaf index up to, but without, another. Both lie within the log. */
export async function* archivedFrom(
  { pool, store }: { readonly pool: Pool; readonly store: SegmentStore },
  firstLeaf: number,
  endLeaf: number,
): AsyncGenerator<ArchivedEvent> {
  let next = firstLeaf;
  while (next < endLeaf) {
    const { rows } = await pool.query<{ name: string; segment_offset: number; end_leaf: bigint | null }>(
      `SELECT s.name, e.segment_offset,
              (SELECT min(first_leaf) FROM archive_segment later WHERE later.first_leaf > e.leaf_index) AS end_leaf
       FROM entry e JOIN archive_segment s USING (segment_id) WHERE e.leaf_index = $1`,
      [next],
    );
    const place = rows[0];
    if (place === undefined) throw new AuditError('log_inconsistent', `the index lacks leaf ${next}`);
    const end = Math.min(endLeaf, place.end_leaf === null ? endLeaf : Number(place.end_leaf));
    yield* readSegment(store, place.name, { offset: place.segment_offset, firstLeaf: next, endLeaf: end });
    next = end;
  }
}

function lineOf({ leafIndex, salt, bytes }: ArchivedEvent): string {
  return `{"leaf_index":${leafIndex},"salt":"${salt.toString('base64')}","event":"${bytes.toString('base64')}"}\n`;
}

function typeOf({ bytes }: ArchivedEvent): string | null {
  const json: unknown = JSON.parse(bytes.toString('utf8'));
  return typeof json === 'object' && json !== null && 'type' in json && typeof json.type === 'string'
    ? json.type
    : null;
}
