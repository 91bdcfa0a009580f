import type { Transaction } from '@tollgate/database';
import { LONGEST_REQUEST_MS, type Period } from '../../completeness/period.ts';
import { readStatedSize } from './hold-against.ts';

/** What was stated of a period's payloads, and what the vault has of them. A payload belongs to its request's instant. */
export interface PayloadFacts {
  /** Leaves whose statements are counted. */
  readonly size: number;
  /** Usage events of the period, or of just after it, behind those leaves. */
  readonly unread: number;
  /** Digests in usage events. */
  readonly stated: number;
  /** Said by gateways to be lost before they could be stored. */
  readonly notKept: number;
  /** In the vault, with a key. */
  readonly stored: number;
  /** Erased from the vault, by somebody or since their time was over, or not let in because they had been erased. */
  readonly erased: number;
  /** Stated, not in the vault, and not for long. */
  readonly awaited: number;
  /** Stated, and not in the vault for longer than the grace. */
  readonly missing: number;
  /** The vault has something else than was stated. */
  readonly differing: number;
  /** Requests of the missing and the differing, the oldest first. */
  readonly examples: readonly string[];
}

const MAX_EXAMPLES = 20;
/** Counted up to here. */
const MAX_UNREAD = 10_000;

type AwaitedRow = { awaited: number; missing: number; differing: number };

/** @param organisationId counts its payloads alone; null: everybody's */
export async function readPayloadFacts(
  tx: Transaction,
  { fromMs, toMs }: Period,
  asked: { readonly organisationId: string | null; readonly overdueBeforeMs: number },
): Promise<PayloadFacts> {
  const values = [fromMs, toMs, asked.organisationId];
  const size = await readStatedSize(tx);
  const counted = await tx.query<{ stated: number; not_kept: number; refused: number }>(
    `SELECT coalesce(sum(stated), 0)::float8 AS stated, coalesce(sum(not_kept), 0)::float8 AS not_kept,
            coalesce(sum(refused), 0)::float8 AS refused
     FROM stated_count WHERE ${ofPeriod('quarter')}`,
    values,
  );
  const kept = await tx.query<{ stored: number; erased: number }>(
    `SELECT count(*) FILTER (WHERE state = 'kept')::float8 AS stored,
            count(*) FILTER (WHERE state = 'erased')::float8 AS erased
     FROM vault_payload WHERE ${ofPeriod('requested_at')}`,
    values,
  );
  const awaited = await tx.query<AwaitedRow>(
    `SELECT count(*) FILTER (WHERE NOT differs AND NOT overdue)::float8 AS awaited,
            count(*) FILTER (WHERE NOT differs AND overdue)::float8 AS missing,
            count(*) FILTER (WHERE differs)::float8 AS differing
     FROM (SELECT differs, awaited_since < to_timestamp($4::float8 / 1000) AS overdue
           FROM stated_awaited WHERE ${ofPeriod('requested_at')}) a`,
    [...values, asked.overdueBeforeMs],
  );
  const examples = await tx.query<{ subject: string }>(
    `SELECT DISTINCT e.subject, a.requested_at FROM stated_awaited a JOIN entry e USING (leaf_index)
     WHERE ${ofPeriod('a.requested_at', 'a.organisation_id')}
       AND (a.differs OR a.awaited_since < to_timestamp($4::float8 / 1000))
     ORDER BY a.requested_at LIMIT ${MAX_EXAMPLES}`,
    [...values, asked.overdueBeforeMs],
  );
  const [counts, vault, open] = [counted.rows[0], kept.rows[0], awaited.rows[0]];
  return {
    size,
    unread: await unread(tx, size, { fromMs, toMs }),
    stated: counts?.stated ?? 0,
    notKept: counts?.not_kept ?? 0,
    stored: vault?.stored ?? 0,
    erased: (vault?.erased ?? 0) + (counts?.refused ?? 0),
    awaited: open?.awaited ?? 0,
    missing: open?.missing ?? 0,
    differing: open?.differing ?? 0,
    examples: examples.rows.map(({ subject }) => subject),
  };
}

/** Usage events that are indexed, and whose statements are not counted yet. Errs on the side of more. */
async function unread(tx: Transaction, size: number, { fromMs, toMs }: Period): Promise<number> {
  const { rows } = await tx.query<{ events: number }>(
    `SELECT count(*)::int AS events FROM (SELECT FROM entry
     WHERE leaf_index >= $1 AND leaf_index < (SELECT size FROM index_position) AND type = 'tollgate.usage.v1'
       AND time >= to_timestamp($2::float8 / 1000) AND time < to_timestamp($3::float8 / 1000)
     LIMIT ${MAX_UNREAD}) e`,
    [size, fromMs, toMs + LONGEST_REQUEST_MS],
  );
  return rows[0]?.events ?? 0;
}

/** SQL: of the period `$1` to `$2`, and of the organisation `$3`. */
function ofPeriod(column: string, organisation = 'organisation_id'): string {
  return `${column} >= to_timestamp($1::float8 / 1000) AND ${column} < to_timestamp($2::float8 / 1000)
    AND ($3::text IS NULL OR ${organisation} = $3)`;
}
