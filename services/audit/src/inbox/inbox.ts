import type { Pool, Transaction } from '@tollgate/database';

/** An event on its way into the log. */
export interface InboxRow {
  readonly arrival: number;
  readonly eventId: string;
  readonly source: string;
  /** Null for heartbeats. */
  readonly sequence: number | null;
  readonly type: string;
  readonly receivedMs: number;
  readonly salt: Buffer;
  readonly bytes: Buffer;
}

type Row = {
  arrival: string;
  event_id: string;
  source: string;
  sequence: string | null;
  type: string;
  received_ms: string;
  salt: Buffer;
  text: string | null;
  raw: Buffer | null;
};

const OID_BYTEA = 17;
const HEX_PREFIX_LENGTH = 2;

/* Text but for bytes: numbers are made by ourselves, since the general way for int8 goes through BigInt. */
const TYPES = {
  getTypeParser(oid: number) {
    return oid === OID_BYTEA ? bytesOfHex : asText;
  },
};

/**
 * The oldest rows, in order of arrival: at most `maxRows`, and no more once `maxBytes` of events are reached.
 *
 * @param except arrivals that are being placed just now. Not a lower bound: a row with an earlier number may become
 *   visible later
 */
export async function oldestRows(
  pool: Pool,
  { maxRows, maxBytes, except }: { maxRows: number; maxBytes: number; except: readonly number[] },
): Promise<InboxRow[]> {
  const query = {
    name: 'audit-inbox-oldest',
    text: `
      SELECT arrival, event_id, source, sequence, type, (extract(epoch FROM received_at) * 1000)::int8 AS received_ms,
             salt,
             CASE WHEN utf8 THEN convert_from(bytes, 'UTF8') END AS text, CASE WHEN utf8 THEN NULL ELSE bytes END AS raw
      FROM inbox WHERE arrival <> ALL ($2::bigint[]) ORDER BY arrival LIMIT $1`,
    values: [maxRows, except],
    types: TYPES,
  };
  const { rows } = await pool.query<Row>(query);
  const taken: InboxRow[] = [];
  let total = 0;
  for (const row of rows) {
    if (total >= maxBytes) break;
    const bytes = row.raw ?? Buffer.from(row.text ?? '', 'utf8');
    total += bytes.length;
    taken.push({
      arrival: Number(row.arrival),
      eventId: row.event_id,
      source: row.source,
      sequence: row.sequence === null ? null : Number(row.sequence),
      type: row.type,
      receivedMs: Number(row.received_ms),
      salt: row.salt,
      bytes,
    });
  }
  return taken;
}

/** Removes rows that came to nothing new: heartbeats, and what is in the log already. */
export async function removeRows(tx: Transaction, arrivals: readonly number[]): Promise<void> {
  if (arrivals.length === 0) return;
  await tx.query({
    name: 'audit-inbox-remove',
    text: 'DELETE FROM inbox WHERE arrival = ANY ($1::bigint[])',
    values: [arrivals],
  });
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

function bytesOfHex(text: string): Buffer {
  return Buffer.from(text.slice(HEX_PREFIX_LENGTH), 'hex');
}

function asText(text: string): string {
  return text;
}
