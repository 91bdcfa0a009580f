import type { Pool } from '@tollgate/database';
import type { Reach } from '@tollgate/http';
import { type ArchivePlace, readPlaces } from '../archive/reader.ts';
import type { SegmentStore } from '../archive/segment-store.ts';
import { readPosition } from '../indexing/position.ts';
import { conditions, type EventFilter } from '../search/query.ts';
import type { ExportFormat } from './exported-event.ts';
import { isObject } from './exported-event.ts';

/** One page of an export. */
export interface ExportPage {
  readonly lines: readonly string[];
  /** The leaf to go on after; the end is reached when it is `size` − 1. */
  readonly after: number;
  /** Leaves that are indexed. */
  readonly size: number;
}

/** Leaves that one page looks at: a few ranges of the index, however few of them fit the filter. */
const WINDOW_LEAVES = 20_000;
/** Of the lines of one page; one event may go beyond it. */
const MAX_PAGE_BYTES = 8 << 20;
/** Events that are read from the archive at once. */
const READ_AT_ONCE = 500;

/** Where an event lies. */
export type ExportRow = {
  leaf_index: bigint;
  received_at: string;
  name: string;
  segment_offset: number;
  frame_bytes: number;
};

/**
 * The events after a leaf that fit the filter and lie within reach, in the order of the log, as lines.
 * @param ask.limit events at most
 */
export async function readPage(
  { pool, store }: { readonly pool: Pool; readonly store: SegmentStore },
  ask: {
    readonly filter: EventFilter;
    readonly reach: Reach;
    readonly format: ExportFormat;
    readonly after: number;
    readonly limit: number;
  },
): Promise<ExportPage> {
  const { size } = await readPosition(pool);
  const rows = await nextRows(pool, { ...ask, size }, ask.after + 1);
  const last = rows.at(-1);
  if (last === undefined) return { lines: [], after: Math.max(ask.after, size - 1), size };
  return write(store, ask.format, rows, Number(last.leaf_index), size);
}

/**
 * Where the next events lie that fit, in the order of the log; none where there are no more. Fewer than `limit` say
 * nothing: it looks at a stretch of the log that holds one at least.
 */
export async function nextRows(
  pool: Pool,
  ask: {
    readonly filter: EventFilter;
    readonly reach: Reach;
    readonly limit: number;
    /** Only leaves before this one. */
    readonly size: number;
  },
  from: number,
): Promise<ExportRow[]> {
  if (from >= ask.size) return [];
  const end = Math.min(from + WINDOW_LEAVES, ask.size);
  const rows = await readWindow(pool, ask, from, end);
  if (rows.length > 0 || end === ask.size) return rows;
  // Over what does not fit, in one go: what is asked for may be one day of years.
  const first = await firstFrom(pool, ask, end, ask.size);
  return first === null ? [] : readWindow(pool, ask, first, Math.min(first + WINDOW_LEAVES, ask.size));
}

/** The first leaf from one on that fits; where everything does, that one. */
async function firstFrom(
  pool: Pool,
  { filter, reach }: { readonly filter: EventFilter; readonly reach: Reach },
  from: number,
  size: number,
): Promise<number | null> {
  const { where, values } = conditions(filter, reach, { size });
  if (where.length === 2) return from;
  values.push(from);
  const { rows } = await pool.query<{ leaf: bigint | null }>(
    `SELECT min(leaf_index) AS leaf FROM indexed_event WHERE ${where.join(' AND ')} AND leaf_index >= $${values.length}`,
    values,
  );
  const leaf = rows[0]?.leaf ?? null;
  return leaf === null ? null : Number(leaf);
}

async function readWindow(
  pool: Pool,
  { filter, reach, limit }: { readonly filter: EventFilter; readonly reach: Reach; readonly limit: number },
  from: number,
  end: number,
): Promise<ExportRow[]> {
  const { where, values } = conditions(filter, reach, { size: end });
  values.push(from, limit);
  const { rows } = await pool.query<ExportRow>(
    `SELECT i.leaf_index, i.received_at, s.name, p.segment_offset, p.frame_bytes
     FROM (
       SELECT leaf_index, received_at FROM indexed_event
       WHERE ${where.join(' AND ')} AND leaf_index >= $${values.length - 1}
       ORDER BY leaf_index LIMIT $${values.length}
     ) i JOIN entry p USING (leaf_index) JOIN archive_segment s USING (segment_id)
     ORDER BY i.leaf_index`,
    values,
  );
  return rows;
}

/** The lines of rows, as far as they fit into a page. */
async function write(
  store: SegmentStore,
  format: ExportFormat,
  rows: readonly ExportRow[],
  after: number,
  size: number,
): Promise<ExportPage> {
  const lines: string[] = [];
  let bytes = 0;
  for (let at = 0; at < rows.length; at += READ_AT_ONCE) {
    const part = rows.slice(at, at + READ_AT_ONCE);
    const archived = await readPlaces(store, part.map(placeOf));
    for (const [nth, { leafIndex, bytes: event }] of archived.entries()) {
      const json: unknown = JSON.parse(event.toString('utf8'));
      const line = format.line({
        leafIndex,
        receivedAt: part[nth]?.received_at ?? '',
        event: isObject(json) ? json : {},
      });
      lines.push(line);
      bytes += line.length;
      const isLast = at + nth === rows.length - 1;
      if (bytes >= MAX_PAGE_BYTES && !isLast) return { lines, after: leafIndex, size };
    }
  }
  return { lines, after, size };
}

export function placeOf(row: ExportRow): ArchivePlace {
  return {
    leafIndex: Number(row.leaf_index),
    segment: row.name,
    offset: row.segment_offset,
    frameBytes: row.frame_bytes,
  };
}
