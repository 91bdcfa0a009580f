import { int8Column, type Pool, type Transaction } from '@tollgate/database';
import { AuditError } from '../errors.ts';
import type { HeldEvents } from './held-events.ts';
import type { InboxRow } from './inbox-row.ts';

type Row = {
  arrival: string;
  event_id: string;
  source: string;
  sequence: string | null;
  type: string;
  subject: string;
  organisation_id: string | null;
  team_id: string | null;
  time_ms: string;
  received_ms: string;
  salt: Buffer;
  text: string | null;
  raw: Buffer | null;
};

const OID_BYTEA = 17;
const HEX_PREFIX_LENGTH = 2;
/** Of the salt, which tell a row from every other that had its number. */
const MARK_BYTES = 8;

/* Text but for bytes: numbers are made by ourselves, since the general way for int8 goes through BigInt. */
const TYPES = {
  getTypeParser(oid: number) {
    return oid === OID_BYTEA ? bytesOfHex : asText;
  },
};

export interface OldestRows {
  readonly maxRows: number;
  /** No more rows once so many bytes of events are reached. */
  readonly maxBytes: number;
  /**
   * Arrivals that are being placed just now. Not a lower bound: a row with an earlier number may become visible later.
   */
  readonly except: readonly number[];
  /** What need not be read. */
  readonly held?: HeldEvents | undefined;
}

/** The oldest rows, in order of arrival. */
export async function oldestRows(
  pool: Pool,
  { maxRows, maxBytes, except, held }: OldestRows,
): Promise<InboxRow[]> {
  const query = {
    name: 'audit-inbox-oldest',
    text: `SELECT arrival, encode(substring(salt FOR ${MARK_BYTES}), 'hex') AS mark
           FROM inbox WHERE arrival <> ALL ($2::bigint[]) ORDER BY arrival LIMIT $1`,
    values: [maxRows, arrivalsOf(except)],
    types: TYPES,
  };
  const { rows } = await pool.query<{ arrival: string; mark: string }>(query);
  const arrivals = rows.map(({ arrival }) => Number(arrival));
  const known = new Map<number, InboxRow>();
  for (const [nth, arrival] of arrivals.entries()) {
    const row = held?.get(arrival);
    if (row?.salt.toString('hex', 0, MARK_BYTES) === rows[nth]?.mark && row !== undefined)
      known.set(arrival, row);
  }
  const unknown = arrivals.filter((arrival) => !known.has(arrival));
  for (const row of await readRows(pool, unknown)) known.set(row.arrival, row);
  const taken: InboxRow[] = [];
  let total = 0;
  for (const arrival of arrivals) {
    if (total >= maxBytes) break;
    const row = known.get(arrival);
    // Another has placed it meanwhile: the log has gone on without us, which our commit is told.
    if (row === undefined) continue;
    total += row.bytes.length;
    taken.push(row);
  }
  return taken;
}

async function readRows(pool: Pool, arrivals: readonly number[]): Promise<InboxRow[]> {
  if (arrivals.length === 0) return [];
  const query = {
    name: 'audit-inbox-read',
    text: `
      SELECT arrival, event_id, source, sequence, type, subject, organisation_id, team_id,
             (extract(epoch FROM time) * 1000)::int8 AS time_ms,
             (extract(epoch FROM received_at) * 1000)::int8 AS received_ms, salt,
             CASE WHEN utf8 THEN convert_from(bytes, 'UTF8') END AS text, CASE WHEN utf8 THEN NULL ELSE bytes END AS raw
      FROM inbox WHERE arrival = ANY ($1::bigint[])`,
    values: [arrivalsOf(arrivals)],
    types: TYPES,
  };
  const { rows } = await pool.query<Row>(query);
  return rows.map((row) => ({
    arrival: Number(row.arrival),
    eventId: row.event_id,
    source: row.source,
    sequence: row.sequence === null ? null : Number(row.sequence),
    type: row.type,
    subject: row.subject,
    organisationId: row.organisation_id,
    teamId: row.team_id,
    timeMs: Number(row.time_ms),
    receivedMs: Number(row.received_ms),
    salt: row.salt,
    bytes: row.raw ?? Buffer.from(row.text ?? '', 'utf8'),
    facts: null,
  }));
}

/**
 * Removes rows that are in the log now, or came to nothing new: heartbeats, and what is in the log already.
 * @throws AuditError `log_inconsistent` where the inbox no longer holds them
 */
export async function removeRows(tx: Transaction, arrivals: readonly number[]): Promise<void> {
  if (arrivals.length === 0) return;
  const { rowCount } = await tx.query({
    name: 'audit-inbox-remove',
    text: 'DELETE FROM inbox WHERE arrival = ANY ($1::bigint[])',
    values: [arrivalsOf(arrivals)],
  });
  if (rowCount === arrivals.length) return;
  throw new AuditError(
    'log_inconsistent',
    `${arrivals.length} rows were to leave the inbox, and ${rowCount} did: nothing was committed`,
  );
}

/** Counting stops here: beyond it, the inbox is simply deep. */
export const MAX_COUNTED_DEPTH = 100_000;

/** How many rows wait (up to `MAX_COUNTED_DEPTH`), and since when the oldest does, in epoch milliseconds. */
export async function inboxDepth(pool: Pool): Promise<{ rows: number; oldestMs: number | null }> {
  const { rows } = await pool.query<{ rows: number; oldest_ms: number | null }>(
    `SELECT (SELECT count(*)::int FROM (SELECT FROM inbox LIMIT ${MAX_COUNTED_DEPTH}) AS counted) AS rows,
            (SELECT (extract(epoch FROM received_at) * 1000)::float8 FROM inbox ORDER BY arrival LIMIT 1) AS oldest_ms`,
  );
  return { rows: rows[0]?.rows ?? 0, oldestMs: rows[0]?.oldest_ms ?? null };
}

function arrivalsOf(arrivals: readonly number[]): Buffer {
  return int8Column(arrivals, (arrival) => arrival);
}

function bytesOfHex(text: string): Buffer {
  return Buffer.from(text.slice(HEX_PREFIX_LENGTH), 'hex');
}

function asText(text: string): string {
  return text;
}
