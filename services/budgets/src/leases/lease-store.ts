import type { Transaction } from '@tollgate/database';
import { parseUnits } from '@tollgate/limits';
import type { Lease, LeaseState } from './lease.ts';

export type StoredLease = {
  readonly lease_id: string;
  readonly limit_id: string;
  readonly window_starts_at: string;
  readonly instance: string;
  readonly source: string;
  readonly granted: string;
  readonly held: string;
  readonly settled: string;
  readonly confirmed: string;
  readonly state: LeaseState;
  readonly expires_at: string;
  readonly closed_at: string | null;
};

export const LEASE_COLUMNS = `lease_id, limit_id, window_starts_at, instance, source, granted, held, settled, confirmed,
  state, expires_at, closed_at`;

const LOCK = `SELECT ${LEASE_COLUMNS} FROM lease WHERE lease_id = ANY ($1::uuid[]) ORDER BY lease_id FOR UPDATE`;

const INSERT = `
  INSERT INTO lease (lease_id, limit_id, window_starts_at, instance, source, granted, held, state, granted_at, expires_at)
  SELECT *, 'open', $8::timestamptz, $9::timestamptz
  FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::numeric[], $7::numeric[])`;

const UPDATE = `
  UPDATE lease SET held = c.held, settled = c.settled, confirmed = c.confirmed, state = c.state,
    expires_at = c.expires_at, closed_at = c.closed_at
  FROM unnest($1::uuid[], $2::numeric[], $3::numeric[], $4::numeric[], $5::text[], $6::timestamptz[],
    $7::timestamptz[]) AS c (lease_id, held, settled, confirmed, state, expires_at, closed_at)
  WHERE lease.lease_id = c.lease_id`;

/** Locks leases until the transaction ends, in the order of their ids; those that are not there are missing. */
export async function lockLeases(tx: Transaction, leaseIds: readonly string[]): Promise<Map<string, Lease>> {
  if (leaseIds.length === 0) return new Map();
  const { rows } = await tx.query<StoredLease>({ name: 'lock-leases', text: LOCK, values: [leaseIds] });
  return new Map(rows.map((row) => [row.lease_id, leaseOf(row)]));
}

/** @throws a unique violation where another transaction has stored one of them in the meantime */
export async function insertLeases(tx: Transaction, leases: readonly Lease[], nowMs: number): Promise<void> {
  const [first] = leases;
  if (first === undefined) return;
  const column = (pick: (lease: Lease) => string) => leases.map(pick);
  await tx.query({
    name: 'insert-leases',
    text: INSERT,
    values: [
      column(({ leaseId }) => leaseId),
      column(({ limitId }) => limitId),
      column(({ windowStartsAtMs }) => iso(windowStartsAtMs)),
      column(({ instance }) => instance),
      column(({ source }) => source),
      column(({ granted }) => String(granted)),
      column(({ held }) => String(held)),
      iso(nowMs),
      iso(first.expiresAtMs),
    ],
  });
}

export async function updateLeases(tx: Transaction, leases: readonly Lease[]): Promise<void> {
  if (leases.length === 0) return;
  const column = (pick: (lease: Lease) => string | null) => leases.map(pick);
  await tx.query({
    name: 'update-leases',
    text: UPDATE,
    values: [
      column(({ leaseId }) => leaseId),
      column(({ held }) => String(held)),
      column(({ settled }) => String(settled)),
      column(({ confirmed }) => String(confirmed)),
      column(({ state }) => state),
      column(({ expiresAtMs }) => iso(expiresAtMs)),
      column(({ closedAtMs }) => (closedAtMs === null ? null : iso(closedAtMs))),
    ],
  });
}

export function leaseOf(row: StoredLease): Lease {
  const whole = (numeric: string) => parseUnits('requests', numeric);
  return {
    leaseId: row.lease_id,
    limitId: row.limit_id,
    windowStartsAtMs: Date.parse(row.window_starts_at),
    instance: row.instance,
    source: row.source,
    granted: whole(row.granted),
    held: whole(row.held),
    settled: whole(row.settled),
    confirmed: whole(row.confirmed),
    state: row.state,
    expiresAtMs: Date.parse(row.expires_at),
    closedAtMs: row.closed_at === null ? null : Date.parse(row.closed_at),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
