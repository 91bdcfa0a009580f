import type { Pool } from '@tollgate/database';
import type { Reach } from '@tollgate/http';
import type { ArchivedEvent } from '../archive/frame.ts';
import { type ArchivePlace, readPlaces } from '../archive/reader.ts';
import type { SegmentStore } from '../archive/segment-store.ts';
import { prefixQuery, type TermLabel, termQuery } from '../indexing/terms.ts';

/** What to look for. All that is given has to fit. Instants in epoch milliseconds: Postgres knows no year 0. */
export interface EventFilter {
  readonly eventId?: string | undefined;
  readonly requestId?: string | undefined;
  readonly teamId?: string | undefined;
  readonly organisationId?: string | undefined;
  readonly type?: string | undefined;
  readonly source?: string | undefined;
  /** Happened at or after. */
  readonly fromMs?: number | undefined;
  /** Happened before. */
  readonly toMs?: number | undefined;
  /** Identifiers that the event has to have, each under its label. */
  readonly terms?: readonly { readonly label: TermLabel; readonly value: string }[] | undefined;
  /** The beginning of an identifier of any label, or an event id. */
  readonly text?: string | undefined;
}

/** Where a page ends: newest first, by when it happened, then by leaf. */
export interface PageEnd {
  readonly happenedMs: number;
  readonly leafIndex: number;
}

/** An event as a search finds it. */
export interface FoundEvent {
  readonly leafIndex: number;
  readonly happenedMs: number;
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
  happened_ms: number;
  received_at: string;
  name: string;
  segment_offset: number;
  frame_bytes: number;
};

/**
 * Events that fit the filter and lie within reach, newest first.
 *
 * @param page.limit events at most
 * @param page.size only leaves before this one: what a list showed at its first page, it shows to its end
 */
export async function findEvents(
  { pool, store }: { readonly pool: Pool; readonly store: SegmentStore },
  filter: EventFilter,
  reach: Reach,
  page: { readonly limit: number; readonly after?: PageEnd | undefined; readonly size?: number | undefined },
): Promise<FoundEvent[]> {
  const { where, values } = conditions(filter, reach, page);
  values.push(page.limit);
  const { rows } = await pool.query<Row>(
    `SELECT e.leaf_index, (extract(epoch FROM e.happened_at) * 1000)::float8 AS happened_ms, e.received_at,
            s.name, p.segment_offset, p.frame_bytes
     FROM (
       SELECT leaf_index, happened_at, received_at FROM indexed_event WHERE ${where.join(' AND ')}
       ORDER BY happened_at DESC, leaf_index DESC LIMIT $${values.length}
     ) e JOIN entry p USING (leaf_index) JOIN archive_segment s USING (segment_id)
     ORDER BY e.happened_at DESC, e.leaf_index DESC`,
    values,
  );
  const archived = await readPlaces(store, rows.map(placeOf));
  return archived.map((each, nth) => ({
    leafIndex: each.leafIndex,
    happenedMs: rows[nth]?.happened_ms ?? 0,
    receivedAt: rows[nth]?.received_at ?? '',
    event: parseObject(each.bytes),
    archived: each,
  }));
}

/** What of `indexed_event` a caller may see of what is asked for, as conditions and their parameters. */
export function conditions(
  filter: EventFilter,
  reach: Reach,
  { after, size }: { readonly after?: PageEnd | undefined; readonly size?: number | undefined } = {},
): { where: string[]; values: unknown[] } {
  const where: string[] = ['true'];
  const values: unknown[] = [];
  const add = (condition: (placeholder: string) => string, value: unknown) => {
    if (value === undefined || value === null) return;
    values.push(value);
    where.push(condition(`$${values.length}`));
  };
  const ofEvent = (p: string) => `leaf_index = (SELECT leaf_index FROM entry WHERE event_id = ${p}::uuid)`;
  add(ofEvent, filter.eventId);
  add((p) => `terms @@ ${p}::tsquery`, filter.requestId && termQuery('request', filter.requestId));
  add((p) => `team_id = ${p}`, filter.teamId);
  add((p) => `organisation_id = ${p}`, filter.organisationId);
  add((p) => `type = ${p}`, filter.type);
  add((p) => `source_id = (SELECT source_id FROM source WHERE name = ${p})`, filter.source);
  add((p) => `happened_at >= to_timestamp(${p}::float8 / 1000)`, filter.fromMs);
  add((p) => `happened_at < to_timestamp(${p}::float8 / 1000)`, filter.toMs);
  for (const { label, value } of filter.terms ?? []) {
    add((p) => `terms @@ ${p}::tsquery`, termQuery(label, value));
  }
  if (filter.text !== undefined) {
    const text = filter.text;
    add((p) => `terms @@ ${p}::tsquery`, prefixQuery(text));
    const found = where.pop() ?? 'false';
    if (UUID.test(text)) add((p) => `(${found} OR ${ofEvent(p)})`, text);
    else where.push(found);
  }
  add((p) => `organisation_id = ${p}`, reach.organisationId);
  if (reach.teamIds !== null) {
    const [only, ...others] = reach.teamIds;
    if (only !== undefined && others.length === 0) add((p) => `team_id = ${p}`, only);
    else add((p) => `team_id = ANY (${p}::text[])`, [...reach.teamIds]);
    add((p) => `type = ANY (${p}::text[])`, TEAM_TYPES);
  }
  add((p) => `leaf_index < ${p}::int8`, size);
  if (after !== undefined) {
    values.push(after.happenedMs, after.leafIndex);
    const at = `to_timestamp($${values.length - 1}::float8 / 1000)`;
    where.push(`(happened_at, leaf_index) < (${at}, $${values.length}::int8)`);
  }
  return { where, values };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

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
