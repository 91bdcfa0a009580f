import type { Transaction } from '@tollgate/database';
import { type EventDraft, KINDS, MAX_EVENT_BYTES } from '@tollgate/events';
import { BusError } from '../errors.ts';

export type OutboxEntry = {
  readonly draft: EventDraft;
  /** State topics compact by it; elsewhere it is metadata. */
  readonly key: string;
};

/** What the envelope adds to a draft: source, sequence, and the fixed members. */
const ENVELOPE_BYTES = 512;

/**
 * Puts events on their way in the transaction that makes the change they tell of: both happen, or neither. They are
 * numbered in the order of their insertion, and published within some 50 ms of the commit.
 *
 * @throws BusError `not-numbered`, `event-too-large`: the transaction should fail with it
 */
export async function enqueue(tx: Transaction, entries: readonly OutboxEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const drafts = entries.map(({ draft }) => draftText(draft));
  await tx.query({
    name: 'bus.enqueue',
    text: `WITH added AS (
             INSERT INTO outbox (key, draft)
             SELECT key, draft FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS e (key, draft, n)
             ORDER BY n
           )
           SELECT pg_notify('tollgate_outbox_' || current_schema(), '')`,
    values: [entries.map(({ key }) => key), drafts],
  });
}

function draftText(draft: EventDraft): string {
  if (!KINDS[draft.type].numbered) {
    throw new BusError('not-numbered', `${draft.type} is not numbered by its source: publish it instead`);
  }
  const text = JSON.stringify(draft);
  const bytes = Buffer.byteLength(text) + ENVELOPE_BYTES;
  if (bytes > MAX_EVENT_BYTES) {
    throw new BusError(
      'event-too-large',
      `${draft.type} of ${draft.subject} takes ${bytes} bytes; consumers accept ${MAX_EVENT_BYTES}`,
    );
  }
  return text;
}
