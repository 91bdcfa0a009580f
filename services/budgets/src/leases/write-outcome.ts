import type { Transaction } from '@tollgate/database';
import { BudgetsError } from '../errors.ts';
import type { WindowChanges } from '../windows/window-row.ts';
import type { Lease } from './lease.ts';

/**
 * The one statement that writes leases and windows: whatever is decided under their locks takes effect in one round
 * trip. Where there is no room for what is newly granted, a window is not changed, and the transaction must fail.
 */
const WRITE = `
  WITH changed AS (
    UPDATE lease SET held = c.held, settled = c.settled, confirmed = c.confirmed, state = c.state,
      expires_at = c.expires_at, closed_at = c.closed_at
    FROM unnest($1::uuid[], $2::numeric[], $3::numeric[], $4::numeric[], $5::text[], $6::timestamptz[],
      $7::timestamptz[]) AS c (lease_id, held, settled, confirmed, state, expires_at, closed_at)
    WHERE lease.lease_id = c.lease_id
  ), granted AS (
    INSERT INTO lease (lease_id, limit_id, window_starts_at, instance, source, granted, held, expires_at, state, granted_at)
    SELECT *, 'open', now() FROM unnest($8::uuid[], $9::text[], $10::timestamptz[], $11::text[], $12::text[],
      $13::numeric[], $14::numeric[], $15::timestamptz[])
  )
  UPDATE budget_window AS w SET
    granted = w.granted + c.granted, settled = w.settled + c.settled, overshoot = w.overshoot + c.overshoot,
    unleased = w.unleased + c.unleased, confirmed = w.confirmed + c.confirmed, uncounted = w.uncounted + c.uncounted
  FROM unnest($16::text[], $17::timestamptz[], $18::numeric[], $19::numeric[], $20::numeric[], $21::numeric[],
    $22::numeric[], $23::bigint[], $24::numeric[])
    AS c (limit_id, starts_at, granted, settled, overshoot, unleased, confirmed, uncounted, newly_granted)
  WHERE w.limit_id = c.limit_id AND w.starts_at = c.starts_at
    AND (c.newly_granted = 0
      OR w.granted + c.granted + w.overshoot + c.overshoot + w.unleased + c.unleased <= w.amount)`;

/** What a transaction makes of leases and windows, which it has locked. */
export type Outcome = {
  readonly changed: readonly Lease[];
  readonly granted: readonly Lease[];
  readonly changes: WindowChanges;
};

/**
 * @throws BudgetsError `invariant_broken` where a grant finds no room; a unique violation where another transaction has
 *   stored one of the granted leases in the meantime
 */
export async function writeOutcome(tx: Transaction, { changed, granted, changes }: Outcome): Promise<void> {
  const windows = changes.entries();
  if (changed.length === 0 && granted.length === 0 && windows.length === 0) return;
  const numbers = (pick: (change: (typeof windows)[number]['change']) => bigint) =>
    windows.map(({ change }) => String(pick(change)));
  const { rowCount } = await tx.query({
    name: 'write-outcome',
    text: WRITE,
    values: [
      changed.map(({ leaseId }) => leaseId),
      changed.map(({ held }) => String(held)),
      changed.map(({ settled }) => String(settled)),
      changed.map(({ confirmed }) => String(confirmed)),
      changed.map(({ state }) => state),
      changed.map(({ expiresAtMs }) => iso(expiresAtMs)),
      changed.map(({ closedAtMs }) => (closedAtMs === null ? null : iso(closedAtMs))),
      granted.map(({ leaseId }) => leaseId),
      granted.map(({ limitId }) => limitId),
      granted.map(({ windowStartsAtMs }) => iso(windowStartsAtMs)),
      granted.map(({ instance }) => instance),
      granted.map(({ source }) => source),
      granted.map((lease) => String(lease.granted)),
      granted.map(({ held }) => String(held)),
      granted.map(({ expiresAtMs }) => iso(expiresAtMs)),
      windows.map(({ key }) => key.limitId),
      windows.map(({ key }) => iso(key.startsAtMs)),
      numbers((change) => change.granted),
      numbers((change) => change.settled),
      numbers((change) => change.overshoot),
      numbers((change) => change.unleased),
      numbers((change) => change.confirmed),
      windows.map(({ change }) => change.uncounted),
      numbers((change) => change.newlyGranted),
    ],
  });
  if (rowCount !== windows.length) {
    throw new BudgetsError(
      'invariant_broken',
      'a grant would have exceeded its limit: nothing was changed; please report this',
    );
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
