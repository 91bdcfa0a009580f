import { type Pool, type Transaction, transaction } from '@tollgate/database';
import type { LimitBook, StoredLimitBook } from '../limits/limit-book.ts';
import { lockPending, updateSources } from '../sources/source-store.ts';
import { counted } from '../sources/usage-source.ts';
import { WindowChanges } from '../windows/window-row.ts';
import { lockWindows } from '../windows/window-store.ts';
import { type Lease, reconciled, sumsOf } from './lease.ts';
import { LEASE_COLUMNS, leaseOf, type StoredLease } from './lease-store.ts';
import { writeOutcome } from './write-outcome.ts';

export type ReconcileOptions = {
  readonly pool: Pool;
  readonly book: StoredLimitBook;
  readonly now: () => number;
  /** The longest that a request can run after its lease has expired. */
  readonly inFlightMs: number;
  /** How far a gateway's clock may be from ours. */
  readonly clockSkewMs: number;
};

const MAX_SOURCES = 200;
const MAX_LEASES = 500;
const MAX_PRUNED = 5_000;
/** Reconciled leases are kept for a while, for who asks what became of them; their sums stay in the windows. */
const KEEP_LEASES_MS = 40 * 86_400_000;

/**
 * Leases whose usage events have all been counted, by the word of the source that sends them:
 * - the source has ended and is complete to its end (and the epoch after it has spoken, so that requests which it left
 *   open have been closed, before anything else, in that one's name);
 * - or it goes on, and is complete to a number stated after the lease was returned, or so long after its expiry that
 *   no request can still run on it.
 */
const DUE = `
  SELECT ${LEASE_COLUMNS.split(',')
    .map((column) => `l.${column.trim()}`)
    .join(', ')}
  FROM lease AS l
  JOIN usage_source AS s ON s.name = l.source
  LEFT JOIN usage_source AS after ON after.name = s.successor
  WHERE l.state <> 'reconciled' AND (
    (s.ended_through IS NOT NULL AND s.complete_through >= s.ended_through AND s.complete_at IS NOT NULL
      AND (s.successor IS NULL OR after.complete_at IS NOT NULL)
      AND (l.state = 'returned' OR l.expires_at < $1::timestamptz))
    OR (l.state = 'returned' AND s.complete_at > l.closed_at + $2::bigint * interval '1 ms')
    OR (l.state = 'open' AND s.complete_at > l.expires_at + $3::bigint * interval '1 ms'))
  ORDER BY l.lease_id LIMIT ${MAX_LEASES} FOR UPDATE OF l SKIP LOCKED`;

/** Everything up to a complete number is known without its row. A source that is being counted from keeps them. */
const PRUNE = `
  DELETE FROM counted_usage WHERE event_id IN (
    SELECT u.event_id FROM counted_usage AS u JOIN (
      SELECT source_id, complete_through FROM usage_source WHERE complete_through > 0
      ORDER BY source_id FOR UPDATE SKIP LOCKED
    ) AS s ON u.source_id = s.source_id AND u.sequence <= s.complete_through LIMIT ${MAX_PRUNED})`;

const FORGET = `
  DELETE FROM lease WHERE lease_id IN (
    SELECT lease_id FROM lease WHERE state = 'reconciled' AND closed_at < $1::timestamptz LIMIT ${MAX_LEASES})`;

export type Reconciled = { readonly sources: number; readonly leases: readonly Lease[] };

/** One round: sources that have become complete, then leases that are due by that; says what it did. */
export async function reconcileOnce(options: ReconcileOptions): Promise<Reconciled> {
  const sources = await transaction(options.pool, completeSources);
  const leases: Lease[] = [];
  for (;;) {
    const done = await transaction(options.pool, (tx) => reconcileLeases(tx, options));
    leases.push(...done);
    if (done.length < MAX_LEASES) return { sources, leases };
  }
}

/** Removes what nobody needs any more; says how many rows. */
export async function prune(options: ReconcileOptions): Promise<number> {
  const before = new Date(options.now() - KEEP_LEASES_MS).toISOString();
  const usage = await transaction(options.pool, (tx) => tx.query({ name: 'prune-usage', text: PRUNE }));
  const leases = await transaction(options.pool, (tx) => tx.query(FORGET, [before]));
  return usage.rowCount + leases.rowCount;
}

async function completeSources(tx: Transaction): Promise<number> {
  const pending = await lockPending(tx, MAX_SOURCES);
  const complete = pending.flatMap(({ source, since }) => {
    const after = counted(source, since);
    return after === source ? [] : [after];
  });
  await updateSources(tx, complete);
  return complete.length;
}

async function reconcileLeases(tx: Transaction, options: ReconcileOptions): Promise<readonly Lease[]> {
  const { book, now, inFlightMs, clockSkewMs } = options;
  const limits: LimitBook = await book.forTransaction(tx);
  const nowMs = now();
  const { rows } = await tx.query<StoredLease>({
    name: 'lock-due-leases',
    text: DUE,
    values: [new Date(nowMs).toISOString(), clockSkewMs, inFlightMs + clockSkewMs],
  });
  const changes = new WindowChanges();
  const leases = rows.map((row) => {
    const before = leaseOf(row);
    const after = reconciled(before, nowMs);
    changes.replace(
      { limitId: after.limitId, startsAtMs: after.windowStartsAtMs },
      sumsOf(before),
      sumsOf(after),
    );
    return after;
  });
  await lockWindows(
    tx,
    changes.entries().map(({ key }) => key),
    limits,
  );
  await writeOutcome(tx, { changed: leases, granted: [], changes });
  return leases;
}
