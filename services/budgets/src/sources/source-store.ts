import type { Transaction } from '@tollgate/database';
import { claims, type UsageSource } from './usage-source.ts';

type Row = {
  readonly source_id: number;
  readonly name: string;
  readonly complete_through: bigint;
  readonly complete_count: bigint;
  readonly complete_at: string | null;
  readonly stated_through: bigint | null;
  readonly stated_count: bigint | null;
  readonly stated_at: string | null;
  readonly ended_through: bigint | null;
  readonly successor: string | null;
  readonly claims: unknown;
};

const COLUMNS = `source_id, name, complete_through, complete_count, complete_at, stated_through, stated_count, stated_at,
  ended_through, successor, claims`;

/** Looks first: an insert that meets a row uses up an id nevertheless, and heartbeats come for years. */
const ADD = `
  INSERT INTO usage_source (name) SELECT name FROM unnest($1::text[]) AS given (name)
  WHERE NOT EXISTS (SELECT FROM usage_source AS known WHERE known.name = given.name) ORDER BY name
  ON CONFLICT (name) DO NOTHING`;
const LOCK = `SELECT ${COLUMNS} FROM usage_source WHERE name = ANY ($1::text[]) ORDER BY source_id FOR UPDATE`;

const UPDATE = `
  UPDATE usage_source SET complete_through = c.complete_through, complete_count = c.complete_count,
    complete_at = c.complete_at, stated_through = c.stated_through, stated_count = c.stated_count,
    stated_at = c.stated_at, ended_through = c.ended_through, successor = c.successor, claims = c.claims
  FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::bigint[],
    $7::timestamptz[], $8::bigint[], $9::text[], $10::jsonb[])
    AS c (source_id, complete_through, complete_count, complete_at, stated_through, stated_count, stated_at,
      ended_through, successor, claims)
  WHERE usage_source.source_id = c.source_id`;

/** Sources whose last word waits for events, with how many have been counted since the number before it. */
const PENDING = `
  SELECT ${COLUMNS}, (
    SELECT count(*) FROM counted_usage AS u
    WHERE u.source_id = s.source_id AND u.sequence > s.complete_through AND u.sequence <= s.stated_through
  ) AS since
  FROM usage_source AS s WHERE stated_through IS NOT NULL ORDER BY source_id LIMIT $1 FOR UPDATE`;

/** @param names in order, so that nobody waits in a circle for a name that another is adding */
export async function addSources(tx: Transaction, names: readonly string[]): Promise<void> {
  await tx.query({ name: 'add-sources', text: ADD, values: [names] });
}

/** Locks sources until the transaction ends; makes those that are missing. */
export async function lockSources(
  tx: Transaction,
  names: readonly string[],
): Promise<Map<string, UsageSource>> {
  const sorted = [...new Set(names)].sort();
  await addSources(tx, sorted);
  const { rows } = await tx.query<Row>({ name: 'lock-sources', text: LOCK, values: [sorted] });
  return new Map(rows.map((row) => [row.name, sourceOf(row)]));
}

export async function lockPending(
  tx: Transaction,
  limit: number,
): Promise<{ readonly source: UsageSource; readonly since: number }[]> {
  const { rows } = await tx.query<Row & { since: bigint }>({
    name: 'lock-pending-sources',
    text: PENDING,
    values: [limit],
  });
  return rows.map((row) => ({ source: sourceOf(row), since: Number(row.since) }));
}

export async function updateSources(tx: Transaction, sources: readonly UsageSource[]): Promise<void> {
  if (sources.length === 0) return;
  const column = <T>(pick: (source: UsageSource) => T) => sources.map(pick);
  await tx.query({
    name: 'update-sources',
    text: UPDATE,
    values: [
      column(({ sourceId }) => sourceId),
      column(({ completeThrough }) => completeThrough),
      column(({ completeCount }) => completeCount),
      column(({ completeAtMs }) => iso(completeAtMs)),
      column(({ stated }) => stated?.through ?? null),
      column(({ stated }) => stated?.usage ?? null),
      column(({ stated }) => iso(stated?.atMs ?? null)),
      column(({ endedThrough }) => endedThrough),
      column(({ successor }) => successor),
      column((source) => JSON.stringify(source.claims)),
    ],
  });
}

function sourceOf(row: Row): UsageSource {
  const { stated_through: through, stated_count: usage, stated_at: at } = row;
  return {
    sourceId: row.source_id,
    name: row.name,
    completeThrough: Number(row.complete_through),
    completeCount: Number(row.complete_count),
    completeAtMs: row.complete_at === null ? null : Date.parse(row.complete_at),
    stated:
      through === null || usage === null || at === null
        ? null
        : { through: Number(through), usage: Number(usage), atMs: Date.parse(at) },
    endedThrough: row.ended_through === null ? null : Number(row.ended_through),
    successor: row.successor,
    claims: claims.parse(row.claims),
  };
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
