import { int4Column, int8Column, type Transaction, textColumn } from '@tollgate/database';
import type { IndexableEvent } from './committed-events.ts';

/** An event whose own time is farther from when it came than this is `late` or `ahead`. */
export const CLOCK_TOLERANCE_MINUTES = 5;
const CLOCK_TOLERANCE_MS = CLOCK_TOLERANCE_MINUTES * 60_000;
/** What is counted together; every time zone that is in use differs from UTC by whole quarters of an hour. */
export const QUARTER_MS = 15 * 60_000;

interface Count {
  readonly sourceId: number;
  readonly quarterMs: number;
  readonly type: string;
  /** '' for none. */
  readonly organisationId: string;
  events: number;
  firstSequence: number;
  lastSequence: number;
  late: number;
  ahead: number;
}

/** A batch's events, counted per source, quarter of an hour, kind and organisation. */
export function counted(events: readonly IndexableEvent[]): Count[] {
  const counts = new Map<string, Count>();
  for (const { facts, sourceId, sequence, timeMs, receivedMs } of events) {
    const quarterMs = Math.floor(facts.happenedMs / QUARTER_MS) * QUARTER_MS;
    const organisationId = facts.organisationId ?? '';
    const key = `${sourceId} ${quarterMs} ${facts.type.length} ${facts.type}${organisationId}`;
    let count = counts.get(key);
    if (count === undefined) {
      const nothing = { events: 0, firstSequence: sequence, lastSequence: sequence, late: 0, ahead: 0 };
      count = { sourceId, quarterMs, type: facts.type, organisationId, ...nothing };
      counts.set(key, count);
    }
    count.events += 1;
    count.firstSequence = Math.min(count.firstSequence, sequence);
    count.lastSequence = Math.max(count.lastSequence, sequence);
    if (receivedMs - timeMs > CLOCK_TOLERANCE_MS) count.late += 1;
    if (timeMs - receivedMs > CLOCK_TOLERANCE_MS) count.ahead += 1;
  }
  return [...counts.values()];
}

/** Adds them to what was counted before. */
export async function addCounts(tx: Transaction, counts: readonly Count[]): Promise<void> {
  await tx.query({
    name: 'audit-index-count',
    text: `
      INSERT INTO event_count AS c (source_id, quarter, type, organisation_id, events, first_sequence, last_sequence, late,
                                    ahead)
      SELECT source_id, to_timestamp(quarter_ms / 1000), type, organisation_id, events, first, last, late, ahead
      FROM unnest($1::int[], $2::float8[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
                  $9::bigint[])
           AS g (source_id, quarter_ms, type, organisation_id, events, first, last, late, ahead)
      ON CONFLICT (quarter, source_id, type, organisation_id) DO UPDATE
      SET events = c.events + excluded.events, late = c.late + excluded.late, ahead = c.ahead + excluded.ahead,
          first_sequence = LEAST(c.first_sequence, excluded.first_sequence),
          last_sequence = GREATEST(c.last_sequence, excluded.last_sequence)`,
    values: [
      int4Column(counts, (each) => each.sourceId),
      counts.map((each) => each.quarterMs),
      textColumn(counts, (each) => each.type),
      textColumn(counts, (each) => each.organisationId),
      int8Column(counts, (each) => each.events),
      int8Column(counts, (each) => each.firstSequence),
      int8Column(counts, (each) => each.lastSequence),
      int8Column(counts, (each) => each.late),
      int8Column(counts, (each) => each.ahead),
    ],
  });
}
