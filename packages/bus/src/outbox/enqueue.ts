import { byteaColumn, int4Column, type Transaction, textColumn } from '@tollgate/database';
import type { EventDraft } from '@tollgate/events';
import type { DraftBatch } from './draft-batch.ts';
import { compressPack } from './draft-pack.ts';
import { draftText } from './draft-text.ts';

export type OutboxEntry = {
  readonly draft: EventDraft;
  /** State topics compact by it; elsewhere it is metadata. */
  readonly key: string;
};

const NOTIFY = "SELECT pg_notify('tollgate_outbox_' || current_schema(), '')";

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
           ${NOTIFY}`,
    values: [textColumn(entries, ({ key }) => key), textColumn(entries, ({ draft }) => draftText(draft))],
  });
}

/** {@link enqueue} for a batch, which it uses up. The batch lies in the outbox compressed. */
export async function enqueueBatch(tx: Transaction, batch: DraftBatch): Promise<void> {
  const packs = await Promise.all(
    batch.finish().map(async ({ bytes, events }) => ({ pack: await compressPack(bytes), events })),
  );
  batch.release();
  if (packs.length === 0) return;
  await tx.query({
    name: 'bus.enqueue_packs',
    text: `WITH added AS (
             INSERT INTO outbox (pack, events)
             SELECT pack, events FROM unnest($1::bytea[], $2::integer[]) WITH ORDINALITY AS e (pack, events, n)
             ORDER BY n
           )
           ${NOTIFY}`,
    values: [byteaColumn(packs, ({ pack }) => pack), int4Column(packs, ({ events }) => events)],
  });
}
