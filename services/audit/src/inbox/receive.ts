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
    INSERT INTO inbox (event_id, source, sequence, type, subject, organisation_id, team_id, time, received_at, salt, bytes)
    SELECT e.id, e.source, e.sequence, e.type, e.subject, e.organisation_id, e.team_id,
           to_timestamp(e.time_ms / 1000.0), to_timestamp($9::float8 / 1000.0),
           substring($10::bytea FROM (e.nth::int - 1) * ${SALT_BYTES} + 1 FOR ${SALT_BYTES}),
           substring($11::bytea FROM e.start FOR e.length)
    FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::float8[],
                $12::int[], $13::int[])
         WITH ORDINALITY AS e (id, source, sequence, type, subject, organisation_id, team_id, time_ms, start, length, nth)
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
      events.map((event) => event.id),
      events.map((event) => event.source),
      events.map((event) => event.sequence),
      events.map((event) => event.type),
      events.map((event) => event.subject),
      events.map((event) => event.organisationId),
      events.map((event) => event.teamId),
      events.map((event) => event.timeMs),
      now(),
      random(messages.length * SALT_BYTES),
      Buffer.concat(
        messages.map((message) => message.value),
        start - 1,
      ),
      starts,
      messages.map((message) => message.value.length),
    ],
  });
}
