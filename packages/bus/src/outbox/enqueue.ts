import { type Transaction, textArray } from '@tollgate/database';
import type { EventDraft } from '@tollgate/events';
import { type DraftText, draftText } from './draft-text.ts';

export type OutboxEntry = {
  readonly draft: EventDraft | DraftText;
  /** State topics compact by it; elsewhere it is metadata. */
  readonly key: string;
};

/**
 * Puts events on their way in the transaction that makes the change they tell of: both happen, or neither. They are
 * numbered in the order of their insertion, and published within some 50 ms of the commit.
 *
 * @throws BusError `not-numbered`, `event-too-large`: the transaction should fail with it
 */
export async function enqueue(tx: Transaction, entries: readonly OutboxEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await tx.query({
    name: 'bus.enqueue',
    text: `WITH added AS (
             INSERT INTO outbox (key, draft)
             SELECT key, draft FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS e (key, draft, n)
             ORDER BY n
           )
           SELECT pg_notify('tollgate_outbox_' || current_schema(), '')`,
    values: [
      textArray(entries.map(({ key }) => key)),
      textArray(entries.map(({ draft }) => (typeof draft === 'string' ? draft : draftText(draft)))),
    ],
  });
}
