import type { Pool, Transaction } from '@tollgate/database';
import { archivedFrom } from '../archive/replay.ts';
import type { SegmentStore } from '../archive/segment-store.ts';
import { AuditError } from '../errors.ts';
import { type EventFacts, factsOf } from './event-facts.ts';
import { markRequests, tallied } from './request-marks.ts';

/** An event whose own time is farther from when it came than this is `late` or `ahead`. */
export const CLOCK_TOLERANCE_MINUTES = 5;
/** What is counted together; every time zone that is in use differs from UTC by whole quarters of an hour. */
export const QUARTER_MS = 15 * 60_000;

/** What the index needs to know of the events between two leaves. */
export async function readFacts(
  parts: { readonly pool: Pool; readonly store: SegmentStore },
  firstLeaf: number,
  endLeaf: number,
): Promise<EventFacts[]> {
  const facts: EventFacts[] = [];
  for await (const { bytes } of archivedFrom(parts, firstLeaf, endLeaf)) facts.push(factsOf(bytes));
  return facts;
}

/** What became of a batch. */
export interface Indexed {
  readonly events: number;
  /** Of these, came more than `CLOCK_TOLERANCE_MINUTES` after their own time, or before it. */
  readonly late: number;
  readonly ahead: number;
}

/**
 * Indexes the events from `firstLeaf` on, in the caller's transaction, which also moves the position.
 * @throws AuditError `log_inconsistent` where the log's table and the archive do not hold the same leaves
 */
export async function indexBatch(
  tx: Transaction,
  firstLeaf: number,
  facts: readonly EventFacts[],
): Promise<Indexed> {
  if (facts.length === 0) return { events: 0, late: 0, ahead: 0 };
  const { rows } = await tx.query<Indexed>({
    name: 'audit-index-insert',
    text: INSERT,
    values: [
      firstLeaf,
      facts.map((each) => each.happenedMs),
      arrayOf(facts.map((each) => each.source)),
      arrayOf(facts.map((each) => each.type)),
      arrayOf(facts.map((each) => each.organisationId)),
      arrayOf(facts.map((each) => each.teamId)),
      arrayOf(facts.map((each) => each.terms)),
    ],
  });
  const [indexed] = rows;
  if (indexed?.events !== facts.length) {
    throw new AuditError(
      'log_inconsistent',
      `the log's table lacks leaves from ${firstLeaf} on that the archive holds, or names other sources`,
    );
  }
  await markRequests(tx, tallied(facts));
  return indexed;
}

/* Of the log's own table come what the archive does not hold: when an event was received, and its number. */
const INSERT = `
  WITH given AS (
    SELECT $1::bigint + nth - 1 AS leaf_index, to_timestamp(ms / 1000) AS happened_at, source, type, organisation_id,
           team_id, terms
    FROM unnest($2::float8[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
         WITH ORDINALITY AS g (ms, source, type, organisation_id, team_id, terms, nth)
  ), placed AS (
    SELECT g.*, s.source_id, e.received_at, e.sequence,
           e.received_at - e.time > interval '${CLOCK_TOLERANCE_MINUTES} minutes' AS late,
           e.time - e.received_at > interval '${CLOCK_TOLERANCE_MINUTES} minutes' AS ahead
    FROM given g JOIN entry e USING (leaf_index) JOIN source s ON s.source_id = e.source_id AND s.name = g.source
  ), inserted AS (
    INSERT INTO indexed_event (leaf_index, happened_at, received_at, source_id, type, organisation_id, team_id, terms)
    SELECT leaf_index, happened_at, received_at, source_id, type, organisation_id, team_id, terms::tsvector
    FROM placed
  ), counted AS (
    INSERT INTO event_count AS c (source_id, quarter, type, organisation_id, events, first_sequence, last_sequence, late,
                                  ahead)
    SELECT source_id, date_bin('15 minutes', happened_at, 'epoch'), type, coalesce(organisation_id, ''), count(*),
           min(sequence), max(sequence),
           count(*) FILTER (WHERE late), count(*) FILTER (WHERE ahead)
    FROM placed GROUP BY 1, 2, 3, 4
    ON CONFLICT (quarter, source_id, type, organisation_id) DO UPDATE
    SET events = c.events + excluded.events, late = c.late + excluded.late, ahead = c.ahead + excluded.ahead,
        first_sequence = LEAST(c.first_sequence, excluded.first_sequence),
        last_sequence = GREATEST(c.last_sequence, excluded.last_sequence)
  )
  SELECT count(*)::int AS events, count(*) FILTER (WHERE late)::int AS late,
         count(*) FILTER (WHERE ahead)::int AS ahead FROM placed`;

/** Texts as the literal of a Postgres array; the driver's own way escapes each element twice over. */
function arrayOf(texts: readonly (string | null)[]): string {
  const elements = texts.map((text) => (text === null ? 'NULL' : `"${text.replaceAll(/["\\]/g, '\\$&')}"`));
  return `{${elements.join(',')}}`;
}
