import {
  type ChargeLine,
  type Envelope,
  isKnownType,
  KINDS,
  type Parsed,
  parseEnvelope,
  parseInEnvelope,
  parseSequence,
} from '@tollgate/events';
import { isRepresentable } from '../tables/amount.ts';
import { auditRow } from '../tables/audit-row.ts';
import { chargeRow } from '../tables/charge-row.ts';
import type { TableName } from '../tables/columns.ts';
import type { TableRow } from '../tables/row.ts';

/** An event that a table can't hold, kept beside the queue for somebody to see. */
export interface RefusedRow {
  readonly table: TableName;
  readonly key: string;
  readonly code: 'value_not_representable';
  readonly reason: string;
  /** The event's JSON. */
  readonly event: string;
}

/** What an event comes to in the lakehouse. */
export interface Taken {
  readonly rows: readonly TableRow[];
  readonly refused: readonly RefusedRow[];
}

const NOTHING: Taken = { rows: [], refused: [] };
const CHARGE = /^tollgate\.charge\.v\d+$/;
/** Before it, nobody recorded anything; and not every engine's calendar reaches back to the year 0. */
const FIRST_YEAR = '1970';

/**
 * Reads an event for delivery: of every type and version into `audit_events`, which the envelope suffices for, and
 * charges into `charges` as well; a later version of a charge waits for a release that knows it. What is not numbered
 * (heartbeats) is no record and goes nowhere. Never throws.
 */
export function parseTaken(bytes: Uint8Array): Parsed<Taken> {
  const parsed = parseEnvelope(bytes);
  if (parsed.kind !== 'event') return parsed;
  const { event } = parsed;
  const { sequence } = event;
  if (isKnownType(event.type) && !KINDS[event.type].numbered) return { kind: 'event', event: NOTHING };
  if (sequence === undefined) return malformed('sequence: missing');
  if (!Number.isSafeInteger(parseSequence(sequence)) || parseSequence(sequence) < 1) {
    return malformed('sequence: from 1 to 2^53 - 1');
  }
  if (event.time < FIRST_YEAR) return malformed('time: is before the year 1970');
  const audit = auditRow({ ...event, sequence }, bytes);
  if (!CHARGE.test(event.type)) return { kind: 'event', event: { rows: [audit], refused: [] } };
  return withCharges(audit, event, bytes);
}

function withCharges(audit: TableRow, envelope: Envelope, bytes: Uint8Array): Parsed<Taken> {
  const parsed = parseInEnvelope(envelope);
  if (parsed.kind !== 'event') return parsed;
  if (parsed.event.type !== 'tollgate.charge.v1') return malformed(`type: ${parsed.event.type} is no charge`);
  const { data } = parsed.event;
  if (data.requested_at < FIRST_YEAR) return malformed('data.requested_at: is before the year 1970');
  const rows = [audit];
  const refused: RefusedRow[] = [];
  for (const line of data.charges) {
    if (line.amount === null || isRepresentable(line.amount)) rows.push(chargeRow(data, line));
    else refused.push(refusal(line, bytes));
  }
  return { kind: 'event', event: { rows, refused } };
}

function refusal(line: ChargeLine, bytes: Uint8Array): RefusedRow {
  return {
    table: 'charges',
    key: line.charge_id.toLowerCase(),
    code: 'value_not_representable',
    reason: 'amount: DECIMAL(38,18) does not hold it exactly',
    event: Buffer.from(bytes).toString('utf8'),
  };
}

function malformed(error: string): { kind: 'malformed'; error: string } {
  return { kind: 'malformed', error };
}
