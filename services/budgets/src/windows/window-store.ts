import type { Transaction } from '@tollgate/database';
import { parseUnits, windowAt } from '@tollgate/limits';
import { BudgetsError } from '../errors.ts';
import type { StoredLimit } from '../limits/stored-limit.ts';
import {
  compareKeys,
  type WindowChanges,
  type WindowKey,
  type WindowRow,
  windowKeyText,
} from './window-row.ts';

type Stored = {
  readonly limit_id: string;
  readonly starts_at: string;
  readonly ends_at: string;
  readonly amount: string;
  readonly granted: string;
  readonly settled: string;
  readonly overshoot: string;
  readonly unleased: string;
  readonly confirmed: string;
  readonly uncounted: bigint;
};

const COLUMNS =
  'limit_id, starts_at, ends_at, amount, granted, settled, overshoot, unleased, confirmed, uncounted';

const READ = `
  SELECT ${COLUMNS} FROM budget_window
  WHERE (limit_id, starts_at) IN (SELECT * FROM unnest($1::text[], $2::timestamptz[]))
  ORDER BY limit_id, starts_at`;
const LOCK = `${READ} FOR UPDATE`;

/**
 * New rows are held by who makes them, out of the order in which rows are locked. With one maker at a time nobody
 * can wait in a circle: who waits for it holds no window.
 */
const CREATE_ALONE = `SELECT pg_advisory_xact_lock(hashtextextended('tollgate.budgets.new-windows', 0))`;

const CREATE = `
  INSERT INTO budget_window (limit_id, starts_at, ends_at, amount)
  SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::numeric[])
  ON CONFLICT (limit_id, starts_at) DO NOTHING`;

/** The one statement that grants: where there is no room for what is newly granted, it changes nothing. */
const CHANGE = `
  UPDATE budget_window AS w SET
    granted = w.granted + c.granted, settled = w.settled + c.settled, overshoot = w.overshoot + c.overshoot,
    unleased = w.unleased + c.unleased, confirmed = w.confirmed + c.confirmed, uncounted = w.uncounted + c.uncounted
  FROM unnest($1::text[], $2::timestamptz[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[],
    $7::numeric[], $8::bigint[], $9::numeric[])
    AS c (limit_id, starts_at, granted, settled, overshoot, unleased, confirmed, uncounted, newly_granted)
  WHERE w.limit_id = c.limit_id AND w.starts_at = c.starts_at
    AND (c.newly_granted = 0
      OR w.granted + c.granted + w.overshoot + c.overshoot + w.unleased + c.unleased <= w.amount)`;

/**
 * Locks windows until the transaction ends, in one order for all; makes those that are missing. Whoever calls holds
 * the limits' lock, so that the amount of a new window is that of its limit.
 *
 * @param limitOf knows the limit of every key
 */
export async function lockWindows(
  tx: Transaction,
  keys: readonly WindowKey[],
  limitOf: (limitId: string) => StoredLimit | undefined,
): Promise<Map<string, WindowRow>> {
  const distinct = new Map(keys.map((key) => [windowKeyText(key), key]));
  if (distinct.size === 0) return new Map();
  const sorted = [...distinct.values()].sort(compareKeys);
  const known = await query(tx, READ, 'read-windows', sorted);
  const missing = sorted.filter((key) => !known.has(windowKeyText(key)));
  if (missing.length > 0) await create(tx, missing, limitOf);
  return lock(tx, sorted);
}

/** @throws BudgetsError `invariant_broken` where a grant finds no room */
export async function changeWindows(tx: Transaction, changes: WindowChanges): Promise<void> {
  const entries = changes.entries();
  if (entries.length === 0) return;
  const numbers = (pick: (change: (typeof entries)[number]['change']) => bigint) =>
    entries.map(({ change }) => String(pick(change)));
  const { rowCount } = await tx.query({
    name: 'change-windows',
    text: CHANGE,
    values: [
      entries.map(({ key }) => key.limitId),
      entries.map(({ key }) => iso(key.startsAtMs)),
      numbers((change) => change.granted),
      numbers((change) => change.settled),
      numbers((change) => change.overshoot),
      numbers((change) => change.unleased),
      numbers((change) => change.confirmed),
      entries.map(({ change }) => change.uncounted),
      numbers((change) => change.newlyGranted),
    ],
  });
  if (rowCount !== entries.length) {
    throw new BudgetsError(
      'invariant_broken',
      'a grant would have exceeded its limit: nothing was changed; please report this',
    );
  }
}

/** Rows as they are, without a lock. */
export function readWindows(
  tx: Pick<Transaction, 'query'>,
  keys: readonly WindowKey[],
): Promise<Map<string, WindowRow>> {
  return query(tx, READ, 'read-windows', keys);
}

export function windowRowOf(row: Stored): WindowRow {
  return {
    limitId: row.limit_id,
    startsAtMs: Date.parse(row.starts_at),
    endsAtMs: Date.parse(row.ends_at),
    amount: whole(row.amount),
    granted: whole(row.granted),
    settled: whole(row.settled),
    overshoot: whole(row.overshoot),
    unleased: whole(row.unleased),
    confirmed: whole(row.confirmed),
    uncounted: Number(row.uncounted),
  };
}

async function create(
  tx: Transaction,
  missing: readonly WindowKey[],
  limitOf: (limitId: string) => StoredLimit | undefined,
): Promise<void> {
  const rows = missing.map((key) => {
    const limit = limitOf(key.limitId);
    if (limit === undefined) {
      throw new BudgetsError('invariant_broken', `a window was wanted of the unknown limit ${key.limitId}`);
    }
    return { key, limit, endsAtMs: windowAt(limit, key.startsAtMs).endsAtMs };
  });
  await tx.query({ name: 'create-windows-alone', text: CREATE_ALONE });
  await tx.query({
    name: 'create-windows',
    text: CREATE,
    values: [
      rows.map(({ key }) => key.limitId),
      rows.map(({ key }) => iso(key.startsAtMs)),
      rows.map(({ endsAtMs }) => iso(endsAtMs)),
      rows.map(({ limit }) => String(limit.amount)),
    ],
  });
}

export { COLUMNS as WINDOW_COLUMNS, type Stored as StoredWindow };

function lock(tx: Transaction, keys: readonly WindowKey[]): Promise<Map<string, WindowRow>> {
  return query(tx, LOCK, 'lock-windows', keys);
}

async function query(
  tx: Pick<Transaction, 'query'>,
  text: string,
  name: string,
  keys: readonly WindowKey[],
): Promise<Map<string, WindowRow>> {
  const { rows } = await tx.query<Stored>({
    name,
    text,
    values: [keys.map(({ limitId }) => limitId), keys.map(({ startsAtMs }) => iso(startsAtMs))],
  });
  return new Map(rows.map(windowRowOf).map((row) => [windowKeyText(row), row]));
}

/** Stored quantities are whole numbers of the smallest unit, whatever it is. */
function whole(numeric: string): bigint {
  return parseUnits('requests', numeric);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
