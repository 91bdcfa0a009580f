import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { ConsumedBatch } from '@tollgate/bus';
import type { Transaction } from '@tollgate/database';
import { SALT_BYTES } from '../archive/frame.ts';
import type { InboxEvent } from './inbox-event.ts';

export interface Receiver {
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly random?: (size: number) => Buffer;
}

/*
 * All bytes travel as one binary parameter, from which the server cuts each event: as an array of bytea they would
 * be written as hexadecimal text on our side and read back on the other.
 */
const INSERT = {
  name: 'audit-inbox-insert',
  text: `
    INSERT INTO inbox (event_id, source, sequence, type, subject, organisation_id, team_id, time, received_at, salt, bytes, utf8)
    SELECT e.id, e.source, e.sequence, e.type, e.subject, e.organisation_id, e.team_id,
           to_timestamp(e.time_ms / 1000.0), to_timestamp($9::float8 / 1000.0),
           substring($10::bytea FROM (e.nth::int - 1) * ${SALT_BYTES} + 1 FOR ${SALT_BYTES}),
           substring($11::bytea FROM e.start FOR e.length), e.utf8
    FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::float8[],
                $12::int[], $13::int[], $14::bool[])
         WITH ORDINALITY AS e (id, source, sequence, type, subject, organisation_id, team_id, time_ms, start, length, utf8, nth)
    ORDER BY e.nth`,
};

/** The consumer's effect: the batch into the inbox, whatever of it may have come before. One statement. */
export async function receive(
  batch: ConsumedBatch<InboxEvent>,
  tx: Transaction,
  { now, random = randomBytes }: Receiver,
): Promise<void> {
  const { messages } = batch;
  if (messages.length === 0) return;
  const events = messages.map((message) => message.event);
  const starts: number[] = [];
  let start = 1;
  for (const { value } of messages) {
    starts.push(start);
    start += value.length;
  }
  await tx.query({
    ...INSERT,
    values: [
      arrayOf(events.map((event) => event.id)),
      arrayOf(events.map((event) => event.source)),
      events.map((event) => event.sequence),
      arrayOf(events.map((event) => event.type)),
      arrayOf(events.map((event) => event.subject)),
      arrayOf(events.map((event) => event.organisationId)),
      arrayOf(events.map((event) => event.teamId)),
      events.map((event) => event.timeMs),
      now(),
      random(messages.length * SALT_BYTES),
      Buffer.concat(
        messages.map((message) => message.value),
        start - 1,
      ),
      starts,
      messages.map((message) => message.value.length),
      messages.map((message) => isUtf8(message.value)),
    ],
  });
}

const TO_ESCAPE = /["\\]/;

/** Texts as the literal of a Postgres array. The driver's own way escapes each element twice over, needed or not. */
function arrayOf(texts: readonly (string | null)[]): string {
  const elements = texts.map((text) => {
    if (text === null) return 'NULL';
    return TO_ESCAPE.test(text) ? `"${text.replaceAll(/["\\]/g, '\\$&')}"` : `"${text}"`;
  });
  return `{${elements.join(',')}}`;
}
