import type { Pool } from '@tollgate/database';
import type { Reach } from '@tollgate/http';
import type { ArchivedEvent } from '../archive/frame.ts';
import { type ArchivePlace, readPlaces } from '../archive/reader.ts';
import type { SegmentStore } from '../archive/segment-store.ts';

/** What to look for. All that is given has to fit. Instants in epoch milliseconds: Postgres knows no year 0. */
export interface EventFilter {
  readonly eventId?: string | undefined;
  readonly requestId?: string | undefined;
  readonly teamId?: string | undefined;
  readonly organisationId?: string | undefined;
  readonly type?: string | undefined;
  readonly source?: string | undefined;
  /** Event time at or after. */
  readonly fromMs?: number | undefined;
  /** Event time before. */
  readonly toMs?: number | undefined;
}

/** Where a page ends: newest first, by event time, then by leaf. */
export interface PageEnd {
  readonly timeUs: number;
  readonly leafIndex: number;
}

/** An event as a search finds it. */
export interface FoundEvent {
  readonly leafIndex: number;
  readonly timeUs: number;
  readonly receivedAt: string;
  /** The event's JSON. */
  readonly event: Record<string, unknown>;
  /** The same as it is archived. */
  readonly archived: ArchivedEvent;
}

/** Kinds that a team may see of its own: what its own requests came to. */
const TEAM_TYPES: readonly string[] = [
  'tollgate.request.v1',
  'tollgate.decision.v1',
  'tollgate.usage.v1',
  'tollgate.charge.v1',
];

type Row = {
  leaf_index: bigint;
  time_us: bigint;
  received_at: string;
  name: string;
  segment_offset: number;
  frame_bytes: number;
};

/**
 * Events that fit the filter and lie within reach, newest first.
 *
 * @param limit events at most
 */
export async function findEvents(
  { pool, store }: { readonly pool: Pool; readonly store: SegmentStore },
  filter: EventFilter,
  reach: Reach,
  page: { readonly limit: number; readonly after?: PageEnd | undefined },
): Promise<FoundEvent[]> {
  const { where, values } = conditions(filter, reach, page.after);
  values.push(page.limit);
  const { rows } = await pool.query<Row>(
    `SELECT e.leaf_index, (extract(epoch FROM e.time) * 1000000)::int8 AS time_us, e.received_at,
            s.name, e.segment_offset, e.frame_bytes
     FROM (
       SELECT * FROM entry WHERE ${where.join(' AND ')} ORDER BY time DESC, leaf_index DESC LIMIT $${values.length}
     ) e JOIN archive_segment s USING (segment_id)
     ORDER BY e.time DESC, e.leaf_index DESC`,
    values,
  );
  const archived = await readPlaces(store, rows.map(placeOf));
  return archived.map((each, nth) => ({
    leafIndex: each.leafIndex,
    timeUs: Number(rows[nth]?.time_us),
    receivedAt: rows[nth]?.received_at ?? '',
    event: parseObject(each.bytes),
    archived: each,
  }));
}

function conditions(
  filter: EventFilter,
  reach: Reach,
  after: PageEnd | undefined,
): { where: string[]; values: unknown[] } {
  const where: string[] = ['true'];
  const values: unknown[] = [];
  const add = (condition: (placeholder: string) => string, value: unknown) => {
    if (value === undefined || value === null) return;
    values.push(value);
    where.push(condition(`$${values.length}`));
  };
  add((p) => `event_id = ${p}`, filter.eventId);
  add((p) => `subject = ${p}`, filter.requestId);
  add((p) => `team_id = ${p}`, filter.teamId);
  add((p) => `organisation_id = ${p}`, filter.organisationId);
  add((p) => `type = ${p}`, filter.type);
  add((p) => `source_id = (SELECT source_id FROM source WHERE name = ${p})`, filter.source);
  add((p) => `time >= to_timestamp(${p}::float8 / 1000)`, filter.fromMs);
  add((p) => `time < to_timestamp(${p}::float8 / 1000)`, filter.toMs);
  add((p) => `organisation_id = ${p}`, reach.organisationId);
  if (reach.teamIds !== null) {
    const [only, ...others] = reach.teamIds;
    if (only !== undefined && others.length === 0) add((p) => `team_id = ${p}`, only);
    else add((p) => `team_id = ANY (${p}::text[])`, [...reach.teamIds]);
    add((p) => `type = ANY (${p}::text[])`, TEAM_TYPES);
  }
  if (after !== undefined) {
    values.push(after.timeUs, after.leafIndex);
    const time = `'epoch'::timestamptz + $${values.length - 1}::int8 * interval '1 microsecond'`;
    where.push(`(time, leaf_index) < (${time}, $${values.length}::int8)`);
  }
  return { where, values };
}

function placeOf(row: Row): ArchivePlace {
  return {
    leafIndex: Number(row.leaf_index),
    segment: row.name,
    offset: row.segment_offset,
    frameBytes: row.frame_bytes,
  };
}

/** What is archived was read as a JSON object before it was taken in. */
function parseObject(bytes: Buffer): Record<string, unknown> {
  const json: unknown = JSON.parse(bytes.toString('utf8'));
  return typeof json === 'object' && json !== null ? Object.fromEntries(Object.entries(json)) : {};
}
