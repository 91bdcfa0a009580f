import { byteaColumn, int4Column, type Transaction, textColumn } from '@tollgate/database';
import type { EventDraft } from '@tollgate/events';
import { type KeyedText, MIN_PACK, packDrafts, packs } from './draft-pack.ts';
import { type DraftText, draftText } from './draft-text.ts';

export type OutboxEntry = {
  readonly draft: EventDraft | DraftText;
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
  const texts = entries.map(({ key, draft }) => ({
    key,
    draft: typeof draft === 'string' ? draft : draftText(draft),
  }));
  if (texts.length < MIN_PACK) await insertTexts(tx, texts);
  else await insertPacks(tx, texts);
}

async function insertTexts(tx: Transaction, texts: readonly KeyedText[]): Promise<void> {
  await tx.query({
    name: 'bus.enqueue',
    text: `WITH added AS (
             INSERT INTO outbox (key, draft)
             SELECT key, draft FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS e (key, draft, n)
             ORDER BY n
           )
           ${NOTIFY}`,
    values: [textColumn(texts, ({ key }) => key), textColumn(texts, ({ draft }) => draft)],
  });
}

async function insertPacks(tx: Transaction, texts: readonly KeyedText[]): Promise<void> {
  const parts = packs(texts);
  const packed = await Promise.all(parts.map(packDrafts));
  await tx.query({
    name: 'bus.enqueue_packs',
    text: `WITH added AS (
             INSERT INTO outbox (pack, events)
             SELECT pack, events FROM unnest($1::bytea[], $2::integer[]) WITH ORDINALITY AS e (pack, events, n)
             ORDER BY n
           )
           ${NOTIFY}`,
    values: [byteaColumn(packed, (pack) => pack), int4Column(parts, (part) => part.length)],
  });
}
