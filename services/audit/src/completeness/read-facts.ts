import type { Transaction } from '@tollgate/database';
import type { Loss } from '../sources/losses.ts';
import { type StoredSource, storedSource } from '../sources/source-state.ts';
import type { DeclaredRange, MissingRange, RequestFacts, SourceFacts } from './judge.ts';
import type { Period } from './period.ts';

/** Sources that one statement takes in. */
export const MAX_SOURCES = 1_000;
/** Unsettled requests that are looked at; there are more only where something is badly wrong. */
export const MAX_REQUESTS = 10_000;

type CountRow = {
  source_id: number;
  type: string;
  events: bigint;
  first: bigint;
  last: bigint;
  late: bigint;
  ahead: bigint;
};
type SourceRow = {
  source_id: number;
  name: string;
  state: unknown;
  born_ms: number | null;
  conflicts: number;
};
type DeclaredRow = {
  source: string;
  first_missing: bigint;
  last_missing: bigint;
  reason: string;
  unrecorded_requests: bigint;
  since_ms: number;
  until_ms: number;
};
type BoundRow = { before_ms: number | null; after_ms: number | null };

/**
 * The sources that may have to do with a period: those with events in it, those that have not ended, and those of which
 * something is missing, wherever that belongs.
 *
 * @param organisationId counts its events alone; null: everybody's
 * @param losses the acknowledged ones, of which those in force count
 */
export async function readSources(
  tx: Transaction,
  period: Period,
  organisationId: string | null,
  losses: readonly Loss[],
): Promise<SourceFacts[]> {
  const counts = await readCounts(tx, period, organisationId);
  const declared = await readDeclared(tx, period);
  const { rows } = await tx.query<SourceRow>(
    `SELECT source_id, name, state,
            (SELECT extract(epoch FROM e.time) * 1000 FROM entry e
             WHERE e.source_id = s.source_id ORDER BY sequence LIMIT 1)::float8 AS born_ms,
            (SELECT count(*)::int FROM conflict c WHERE c.source = s.name AND c.kind <> 'chain-mismatch'
               AND c.sequence > (state->>'verified')::bigint) AS conflicts
     FROM source s JOIN source_state USING (source_id)
     WHERE source_id = ANY ($1::int[]) OR name = ANY ($2::text[]) OR NOT ended OR has_missing
        OR state->>'mismatch' IS NOT NULL
     ORDER BY source_id DESC LIMIT ${MAX_SOURCES + 1}`,
    [[...counts.keys()], [...declared.keys()]],
  );
  const lost = new Map(losses.map((loss) => [loss.source, loss]));
  const sources: SourceFacts[] = [];
  for (const row of rows) {
    const state = storedSource.parse(row.state);
    const counted = counts.get(row.source_id) ?? [];
    sources.push({
      source: row.name,
      ended: state.ended,
      heardMs: state.heardMs,
      bornMs: row.born_ms ?? state.heardMs,
      through: state.through,
      greatest: state.greatest,
      verified: state.verified,
      mismatch: state.mismatch,
      absent: state.absent,
      missing: await withBounds(tx, row.source_id, state.missing),
      declared: declared.get(row.name) ?? [],
      conflicts: row.conflicts,
      loss: lossOf(lost.get(row.name)),
      ...summed(counted),
    });
  }
  return sources;
}

function lossOf(loss: Loss | undefined): SourceFacts['loss'] {
  if (loss === undefined || loss.state !== 'in-force') return null;
  return { deadMs: Date.parse(loss.dead_since), by: loss.acknowledged_by, reason: loss.reason };
}

/** Requests of the period that are not settled, the oldest first, `MAX_REQUESTS` at most. */
export async function readUnsettled(
  tx: Transaction,
  period: Period,
  organisationId: string | null,
): Promise<RequestFacts[]> {
  const { rows } = await tx.query<{
    request_id: string;
    happened_ms: number;
    requests: number;
    allowed: number;
    refused: number;
    finals: number;
  }>(
    `SELECT request_id, (extract(epoch FROM happened_at) * 1000)::float8 AS happened_ms, requests, allowed, refused,
            finals
     FROM unsettled_request
     WHERE happened_at >= to_timestamp($1::float8 / 1000) AND happened_at < to_timestamp($2::float8 / 1000)
       AND ($3::text IS NULL OR organisation_id = $3)
     ORDER BY happened_at LIMIT ${MAX_REQUESTS}`,
    [period.fromMs, period.toMs, organisationId],
  );
  return rows.map(({ request_id: requestId, happened_ms: happenedMs, ...tally }) => ({
    requestId,
    happenedMs,
    ...tally,
  }));
}

async function readCounts(
  tx: Transaction,
  period: Period,
  organisationId: string | null,
): Promise<Map<number, CountRow[]>> {
  const { rows } = await tx.query<CountRow>(
    `SELECT source_id, type, sum(events)::bigint AS events, min(first_sequence) AS first, max(last_sequence) AS last,
            sum(late)::bigint AS late, sum(ahead)::bigint AS ahead
     FROM event_count
     WHERE quarter >= to_timestamp($1::float8 / 1000) AND quarter < to_timestamp($2::float8 / 1000)
       AND ($3::text IS NULL OR organisation_id = $3)
     GROUP BY source_id, type ORDER BY source_id, type`,
    [period.fromMs, period.toMs, organisationId],
  );
  return Map.groupBy(rows, (row) => row.source_id);
}

function summed(rows: readonly CountRow[]): Pick<SourceFacts, 'counts' | 'range' | 'late' | 'ahead'> {
  const total = (of: (row: CountRow) => bigint) => rows.reduce((sum, row) => sum + Number(of(row)), 0);
  return {
    counts: Object.fromEntries(rows.map(({ type, events }) => [type, Number(events)])),
    range:
      rows.length === 0
        ? null
        : {
            from: Math.min(...rows.map(({ first }) => Number(first))),
            to: Math.max(...rows.map(({ last }) => Number(last))),
          },
    late: total(({ late }) => late),
    ahead: total(({ ahead }) => ahead),
  };
}

/** What was declared of the period, widely taken, or of sources that lack numbers. */
async function readDeclared(tx: Transaction, period: Period): Promise<Map<string, DeclaredRange[]>> {
  const { rows } = await tx.query<DeclaredRow>(
    `SELECT source, first_missing, last_missing, reason, unrecorded_requests,
            (extract(epoch FROM since) * 1000)::float8 AS since_ms,
            (extract(epoch FROM until) * 1000)::float8 AS until_ms
     FROM declared_gap
     WHERE since < to_timestamp($2::float8 / 1000) + interval '1 hour' AND until >= to_timestamp($1::float8 / 1000)
        OR source IN (SELECT name FROM source JOIN source_state USING (source_id) WHERE has_missing)
     ORDER BY leaf_index LIMIT ${MAX_SOURCES}`,
    [period.fromMs, period.toMs],
  );
  const grouped = Map.groupBy(rows, (row) => row.source);
  return new Map(
    [...grouped].map(([source, all]) => [
      source,
      all.map((row) => ({
        from: Number(row.first_missing),
        to: Number(row.last_missing),
        reason: row.reason,
        unrecordedRequests: Number(row.unrecorded_requests),
        sinceMs: row.since_ms,
        untilMs: row.until_ms,
      })),
    ]),
  );
}

/** Missing ranges with the times of the events on either side, between which they were stored. */
async function withBounds(
  tx: Transaction,
  sourceId: number,
  missing: StoredSource['missing'],
): Promise<MissingRange[]> {
  if (missing.length === 0) return [];
  const { rows } = await tx.query<BoundRow>(
    `SELECT (SELECT extract(epoch FROM time) * 1000 FROM entry
             WHERE source_id = $1 AND sequence < r.first ORDER BY sequence DESC LIMIT 1)::float8 AS before_ms,
            (SELECT extract(epoch FROM time) * 1000 FROM entry
             WHERE source_id = $1 AND sequence > r.last ORDER BY sequence LIMIT 1)::float8 AS after_ms
     FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS r (first, last, nth) ORDER BY r.nth`,
    [sourceId, missing.map(({ from }) => from), missing.map(({ to }) => to)],
  );
  return missing.map((range, nth) => ({
    ...range,
    beforeMs: rows[nth]?.before_ms ?? null,
    afterMs: rows[nth]?.after_ms ?? null,
  }));
}
