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

/** Locks leases until the transaction ends, in the order of their ids; those that are not there are missing. */
export async function lockLeases(tx: Transaction, leaseIds: readonly string[]): Promise<Map<string, Lease>> {
  if (leaseIds.length === 0) return new Map();
  const { rows } = await tx.query<StoredLease>({ name: 'lock-leases', text: LOCK, values: [leaseIds] });
  return new Map(rows.map((row) => [row.lease_id, leaseOf(row)]));
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
