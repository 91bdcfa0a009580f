import { type Pool, type Transaction, transaction } from '@tollgate/database';
import { type EventDraft, TOPICS, type Topic, topicOf } from '@tollgate/events';
import type { KeyedDraft } from './draft-pack.ts';
import { draftText, headOf, numberedBytes, typeOfDraft } from './draft-text.ts';
import { readRows, readUnnumbered } from './outbox-rows.ts';
import {
  createSourceState,
  extendChain,
  FIRST_CHAIN,
  lockSourceState,
  type SourceState,
  storeProgress,
} from './source-state.ts';

/** An event whose bytes are final. */
export type NumberedEvent = {
  readonly sequence: number;
  readonly topic: Topic;
  readonly key: string;
  readonly bytes: Buffer;
};

type Numbering = Pick<SourceState, 'through' | 'counts' | 'chain'>;

/** Key of events about the source itself. */
export const SOURCE_KEY = 'source';

/** Events to publish, and the rows that hold them. */
export type NumberedBatch = {
  readonly events: readonly NumberedEvent[];
  /** Of the outbox, in the order of the events; null where the rows hold number and bytes themselves. */
  readonly ids: readonly bigint[] | null;
};

/**
 * Lets go of the batch that the broker has acknowledged, and goes on to the next, in one transaction: the batch that
 * was numbered last, if it may not be published yet; else what is committed and has no number gets the next ones, in
 * order of insertion. Which row has which number becomes durable, with counts and chain, before anything of it is
 * published, and bytes follow from draft and number: whoever publishes it again sends the same bytes.
 *
 * @returns the events, in order of their numbers; none where there was nothing to do
 */
export async function numberNext(
  pool: Pool,
  limit: number,
  published: NumberedBatch | null,
): Promise<NumberedBatch> {
  return transaction(pool, async (tx) => {
    const state = await lockSourceState(tx);
    if (state === null) return { events: [], ids: [] };
    const settled = published !== null && (await deletePublished(tx, state, published));
    if (state.pending.length > 0 && !settled) return pendingBatch(tx, state);
    const { ids, drafts } = await readUnnumbered(tx, limit);
    if (ids.length > 0) {
      const { events, progress } = numberDrafts(state, drafts);
      await storeProgress(tx, progress, ids);
      return { events, ids };
    }
    if (settled) await storeProgress(tx, state, []);
    return { events: [], ids };
  });
}

/** Lets go of what the broker has acknowledged. */
export async function settle(pool: Pool, published: NumberedBatch): Promise<void> {
  await transaction(pool, async (tx) => {
    const state = await lockSourceState(tx);
    if (state !== null && (await deletePublished(tx, state, published))) await storeProgress(tx, state, []);
  });
}

/** @returns false where the batch is pending no more: another leader has let go of it, and may be further by now */
async function deletePublished(
  tx: Transaction,
  state: SourceState,
  { events, ids }: NumberedBatch,
): Promise<boolean> {
  if (ids === null) throw new Error('rows that hold their numbers are never pending');
  const isPending = state.through === events.at(-1)?.sequence && isSame(state.pending, ids);
  if (isPending) {
    await tx.query({
      name: 'bus.delete_published',
      text: 'DELETE FROM outbox WHERE id = ANY ($1::bigint[])',
      values: [ids],
    });
  }
  return isPending;
}

function isSame(a: readonly bigint[], b: readonly bigint[]): boolean {
  return a.length === b.length && a.every((id, index) => id === b[index]);
}

async function pendingBatch(tx: Transaction, state: SourceState): Promise<NumberedBatch> {
  const { ids, drafts } = await readRows(tx, state.pending);
  const first = state.through - drafts.length + 1;
  const bytes = numberedBytes(headOf(state.source), first, drafts, 0);
  const events = drafts.map(({ key, draft }, index) => {
    return { sequence: first + index, topic: topicOf(typeOfDraft(draft)), key, bytes: at(bytes, index) };
  });
  return { events, ids };
}

function at(bytes: readonly Buffer[], index: number): Buffer {
  const found = bytes[index];
  if (found === undefined) throw new Error('a draft of the outbox without its bytes');
  return found;
}

/** Pure: the events' bytes, and what the source has come to with them. */
export function numberDrafts(
  state: Numbering & Pick<SourceState, 'source'>,
  drafts: readonly KeyedDraft[],
): { events: NumberedEvent[]; progress: Numbering } {
  let { through, chain } = state;
  const counts: Record<string, number> = { ...state.counts };
  const room = FIRST_CHAIN.length;
  const behindRoom = numberedBytes(headOf(state.source), through + 1, drafts, room);
  const events = drafts.map(({ key, draft }, index) => {
    const bytes = at(behindRoom, index);
    through += 1;
    chain = extendChain(chain, bytes);
    const type = typeOfDraft(draft);
    counts[type] = (counts[type] ?? 0) + 1;
    return { sequence: through, topic: topicOf(type), key, bytes: bytes.subarray(room) };
  });
  return { events, progress: { through, counts, chain } };
}

/** Begins the epoch, unless it has begun: its first event says so, before any other can be numbered. */
export async function beginEpoch(
  pool: Pool,
  service: string,
  epoch: string,
  started: (state: SourceState) => EventDraft<'tollgate.source.started.v1'>,
): Promise<void> {
  await transaction(pool, async (tx) => {
    if (!(await createSourceState(tx, service, epoch))) return;
    const state = await lockSourceState(tx);
    if (state === null) throw new Error('the source was begun and is not there');
    const first = { key: SOURCE_KEY, draft: Buffer.from(draftText(started(state))) };
    const { events, progress } = numberDrafts(state, [first]);
    for (const event of events) await insertNumbered(tx, event);
    await storeProgress(tx, progress, []);
  });
}

async function insertNumbered(tx: Transaction, event: NumberedEvent): Promise<void> {
  await tx.query('INSERT INTO outbox (key, topic, sequence, bytes) VALUES ($1, $2, $3, $4)', [
    event.key,
    event.topic,
    event.sequence,
    event.bytes,
  ]);
}

/** Events whose rows hold number and bytes themselves, from the lowest number on. */
export async function readNumbered(pool: Pool, limit: number): Promise<NumberedBatch> {
  const { rows } = await pool.query<{ sequence: bigint; topic: string; key: string; bytes: Buffer }>(
    'SELECT sequence, topic, key, bytes FROM outbox WHERE sequence IS NOT NULL ORDER BY sequence LIMIT $1',
    [limit],
  );
  const events = rows.map((row) => {
    const topic = TOPICS.find((candidate) => candidate === row.topic);
    if (topic === undefined) throw new Error(`outbox row ${row.sequence} is for unknown topic ${row.topic}`);
    return { sequence: Number(row.sequence), topic, key: row.key, bytes: row.bytes };
  });
  return { events, ids: null };
}

/** Lets go of published events whose rows hold their numbers, which have no gaps: two of them say it all. */
export async function deleteNumbered(pool: Pool, { events }: NumberedBatch): Promise<void> {
  await pool.query('DELETE FROM outbox WHERE sequence BETWEEN $1 AND $2', [
    events.at(0)?.sequence,
    events.at(-1)?.sequence,
  ]);
}
