import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { ConsumedBatch } from '@tollgate/bus';
import { CopyRows, type Transaction } from '@tollgate/database';
import { SALT_BYTES } from '../archive/frame.ts';
import { AuditError } from '../errors.ts';
import type { HeldEvents } from './held-events.ts';
import type { InboxEvent } from './inbox-event.ts';
import type { InboxRow } from './inbox-row.ts';

export interface Receiver {
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly random?: (size: number) => Buffer;
  /** Given the batch too, where the integrator runs in this process. */
  readonly held?: HeldEvents | undefined;
}

const TARGET =
  'inbox (arrival, event_id, source, sequence, type, subject, organisation_id, team_id, time, received_at, salt, bytes, utf8)';
const COLUMNS = 13;
/** What a row takes up beside its event, about. */
const ROW_BYTES = 512;
/** What `inbox_arrival` goes on by: rows of one batch at most. */
const ARRIVALS_AT_ONCE = 65_536;

/** The consumer's effect: the batch into the inbox, whatever of it may have come before. */
export async function receive(
  { messages }: ConsumedBatch<InboxEvent>,
  tx: Transaction,
  { now, random = randomBytes, held }: Receiver,
): Promise<void> {
  if (messages.length === 0) return;
  const first = await takeArrivals(tx, messages.length);
  const receivedMs = now();
  const salts = random(messages.length * SALT_BYTES);
  const copy = new CopyRows(
    COLUMNS,
    messages.reduce((sum, { value }) => sum + ROW_BYTES + value.length, 0),
  );
  const places: number[] = [];
  for (const [nth, { event, value }] of messages.entries()) {
    copy.row();
    copy.int8(first + nth);
    copy.uuid(event.id);
    copy.text(event.source);
    if (event.sequence === null) copy.null();
    else copy.int8(event.sequence);
    copy.text(event.type);
    copy.text(event.subject);
    copy.text(event.organisationId);
    copy.text(event.teamId);
    copy.instant(event.timeMs);
    copy.instant(receivedMs);
    copy.bytes(saltAt(salts, nth));
    places.push(copy.bytes(value));
    copy.boolean(isUtf8(value));
  }
  await tx.copyIn(TARGET, copy);
  if (held === undefined) return;
  // Ours, not the message's: that lies in what was fetched with it, all of which it would keep in memory.
  const bytes = copy.finish();
  const rows = messages.map(({ event, value }, nth): InboxRow => {
    const at = places[nth] ?? 0;
    return {
      arrival: first + nth,
      eventId: event.id,
      source: event.source,
      sequence: event.sequence,
      type: event.type,
      subject: event.subject,
      organisationId: event.organisationId,
      teamId: event.teamId,
      timeMs: event.timeMs,
      facts: event.facts,
      receivedMs,
      salt: saltAt(salts, nth),
      bytes: bytes.subarray(at, at + value.length),
    };
  });
  held.add(rows);
}

function saltAt(salts: Buffer, nth: number): Buffer {
  return salts.subarray(nth * SALT_BYTES, (nth + 1) * SALT_BYTES);
}

/** The first of so many numbers in a row that nobody else has. */
async function takeArrivals(tx: Transaction, count: number): Promise<number> {
  if (count > ARRIVALS_AT_ONCE) {
    throw new AuditError('log_inconsistent', `a batch of ${count} events: take ${ARRIVALS_AT_ONCE} at most`);
  }
  const { rows } = await tx.query<{ first: bigint }>({
    name: 'audit-inbox-arrivals',
    text: "SELECT nextval('inbox_arrival') AS first",
  });
  return Number(rows[0]?.first);
}
