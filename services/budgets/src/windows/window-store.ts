import type { Transaction } from '@tollgate/database';
import { parseUnits, windowAt } from '@tollgate/limits';
import { BudgetsError } from '../errors.ts';
import type { LimitBook } from '../limits/limit-book.ts';
import { compareKeys, type WindowKey, type WindowRow, windowKeyText } from './window-row.ts';

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

/**
 * Locks windows until the transaction ends, in one order for all; makes those that are missing. Whoever calls holds
 * the limits' lock, so that the amount of a new window is that of its limit.
 *
 * @param limits know the limit of every key
 */
export async function lockWindows(
  tx: Transaction,
  keys: readonly WindowKey[],
  limits: LimitBook,
): Promise<Map<string, WindowRow>> {
  const distinct = new Map(keys.map((key) => [windowKeyText(key), key]));
  if (distinct.size === 0) return new Map();
  const sorted = [...distinct.values()].sort(compareKeys);
  const unseen = sorted.filter((key) => !limits.seenWindows.has(windowKeyText(key)));
  if (unseen.length > 0) {
    const known = await query(tx, READ, 'read-windows', unseen);
    limits.sawWindows(known.keys());
    const missing = unseen.filter((key) => !known.has(windowKeyText(key)));
    if (missing.length > 0) await create(tx, missing, limits);
  }
  return lock(tx, sorted);
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

async function create(tx: Transaction, missing: readonly WindowKey[], limits: LimitBook): Promise<void> {
  const rows = missing.map((key) => {
    const limit = limits.get(key.limitId);
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
