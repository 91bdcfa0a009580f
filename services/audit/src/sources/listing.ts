import type { Pool } from '@tollgate/database';
import { gapsAmong } from './missing.ts';
import { difference, type Range } from './ranges.ts';
import { type StoredSource, standing, storedSource, tailStatement } from './source-state.ts';

/** A range of numbers that a source has stored and that did not come. */
export interface Gap {
  readonly source: string;
  readonly from: number;
  readonly to: number;
}

/** Numbers that a source itself says it can't send (again), or traffic that it let pass unrecorded. */
export interface DeclaredGapView {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
  readonly unrecorded_requests: number;
  readonly since: string;
  readonly until: string;
}

/** How a source stands. Instants are RFC 3339. */
export interface SourceView {
  readonly source: string;
  readonly state: 'open' | 'stopped' | 'lost';
  /** What can be said of its end. */
  readonly tail: string;
  readonly through: number;
  /** Events in the log. */
  readonly received: number;
  /** Numbers up to `through` that are not in the log now, however short a while they have been missed. */
  readonly missing: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly gaps: readonly { from: number; to: number }[];
  readonly declared_gaps: readonly DeclaredGapView[];
  /** The source's own chain agrees with the log up to here. */
  readonly verified_through: number;
  readonly chain_mismatch_at: number | null;
  readonly heard_at: string;
  readonly unverified: {
    readonly reason: string;
    readonly through: number;
    readonly received_at: string;
  } | null;
}

export interface GapRule {
  readonly nowMs: number;
  readonly graceMs: number;
}

/** Sources in one answer at most, the latest first. */
const MAX_SOURCES = 1_000;

type StateRow = { name: string; state: unknown };
type DeclaredRow = {
  source: string;
  first_missing: bigint;
  last_missing: bigint;
  reason: string;
  unrecorded_requests: bigint;
  since: string;
  until: string;
};
type UnverifiedRow = { source: string; reason: string; through: bigint; received_at: string };

/**
 * The gaps that may still be closed: without those that the source itself has declared.
 * @param rule.instance only sources of this gateway instance
 */
export async function openGaps(pool: Pool, rule: GapRule & { readonly instance?: string }): Promise<Gap[]> {
  const { rows } = await pool.query<StateRow>(
    `SELECT name, state FROM source_state JOIN source USING (source_id)
     WHERE has_missing AND ($1::text IS NULL OR starts_with(name, '/gateways/' || $1 || '/'))
     ORDER BY name LIMIT ${MAX_SOURCES}`,
    [rule.instance ?? null],
  );
  const declared = await declaredGaps(
    pool,
    rows.map(({ name }) => name),
  );
  return rows.flatMap(({ name, state }) =>
    gapsOf(storedSource.parse(state), rule, declared.get(name) ?? []).map(({ from, to }) => ({
      source: name,
      from,
      to,
    })),
  );
}

/** Every source, the latest first. */
export async function listSources(
  pool: Pool,
  rule: GapRule & { readonly lostAfterMs: number; readonly instance?: string },
): Promise<SourceView[]> {
  const { rows } = await pool.query<StateRow>(
    `SELECT name, state FROM source_state JOIN source USING (source_id)
     WHERE $1::text IS NULL OR starts_with(name, '/gateways/' || $1 || '/')
     ORDER BY source_id DESC LIMIT ${MAX_SOURCES}`,
    [rule.instance ?? null],
  );
  const names = rows.map(({ name }) => name);
  const declared = await declaredGaps(pool, names);
  const unverified = await pool.query<UnverifiedRow>(
    'SELECT source, reason, through, received_at FROM unverified_report WHERE source = ANY ($1::text[])',
    [names],
  );
  const doubts = new Map(unverified.rows.map((row) => [row.source, row]));
  return rows.map((row) => {
    const state = storedSource.parse(row.state);
    const own = declared.get(row.name) ?? [];
    const doubt = doubts.get(row.name);
    return {
      source: row.name,
      state: standing(state, rule.nowMs, rule.lostAfterMs),
      tail: tailStatement(state, rule.nowMs, rule.lostAfterMs),
      through: state.through,
      received: state.events,
      missing: state.absent,
      counts: state.counts,
      gaps: gapsOf(state, rule, own),
      declared_gaps: own,
      verified_through: state.verified,
      chain_mismatch_at: state.mismatch,
      heard_at: new Date(state.heardMs).toISOString(),
      unverified:
        doubt === undefined
          ? null
          : { reason: doubt.reason, through: Number(doubt.through), received_at: doubt.received_at },
    };
  });
}

function gapsOf(
  state: StoredSource,
  { nowMs, graceMs }: GapRule,
  declared: readonly DeclaredGapView[],
): { from: number; to: number }[] {
  const known: Range[] = declared
    .filter(({ from, to }) => from > 0 && to >= from)
    .map(({ from, to }) => [from, to]);
  known.sort((a, b) => a[0] - b[0]);
  let gaps = gapsAmong(state.missing, nowMs, graceMs);
  for (const range of known) gaps = difference(gaps, [range]);
  return gaps.map(([from, to]) => ({ from, to }));
}

async function declaredGaps(pool: Pool, names: readonly string[]): Promise<Map<string, DeclaredGapView[]>> {
  const { rows } = await pool.query<DeclaredRow>(
    `SELECT source, first_missing, last_missing, reason, unrecorded_requests, since, until
     FROM declared_gap WHERE source = ANY ($1::text[]) ORDER BY leaf_index`,
    [names],
  );
  const views = rows.map((row) => ({
    source: row.source,
    view: {
      from: Number(row.first_missing),
      to: Number(row.last_missing),
      reason: row.reason,
      unrecorded_requests: Number(row.unrecorded_requests),
      since: row.since,
      until: row.until,
    },
  }));
  const bySource = Map.groupBy(views, ({ source }) => source);
  return new Map([...bySource].map(([source, all]) => [source, all.map(({ view }) => view)]));
}
