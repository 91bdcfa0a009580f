import { type Pool, type Transaction, transaction } from '@tollgate/database';
import { type EventDraft, TOPICS, type Topic, topicOf } from '@tollgate/events';
import { draftText, headOf, numberedText, typeOfDraft } from './draft-text.ts';
import {
  createSourceState,
  extendChain,
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
 * The batch that was numbered last, if it may not be published yet; else numbers what is committed and has no number,
 * in order of insertion. Which row has which number becomes durable, with counts and chain, before anything of it is
 * published, and bytes follow from draft and number: whoever publishes it again sends the same bytes.
 *
 * @returns the events, in order of their numbers; none where there was nothing to do
 */
export async function numberNext(pool: Pool, limit: number): Promise<NumberedBatch> {
  return transaction(pool, async (tx) => {
    const state = await lockSourceState(tx);
    if (state === null) return { events: [], ids: [] };
    if (state.pending.length > 0) return pendingBatch(tx, state);
    const { rows } = await tx.query<OutboxRow>({
      name: 'bus.unnumbered',
      text: 'SELECT id, key, draft FROM outbox WHERE sequence IS NULL ORDER BY id LIMIT $1',
      values: [limit],
    });
    const ids = rows.map((row) => row.id);
    if (ids.length === 0) return { events: [], ids };
    const { events, progress } = numberDrafts(state, rows);
    await storeProgress(tx, progress, ids);
    return { events, ids };
  });
}

type OutboxRow = { id: bigint; key: string; draft: string };

async function pendingBatch(tx: Transaction, state: SourceState): Promise<NumberedBatch> {
  const { pending, through } = state;
  const { rows } = await tx.query<OutboxRow>(
    `SELECT id, key, draft FROM unnest($1::bigint[]) WITH ORDINALITY AS p (id, n) JOIN outbox USING (id) ORDER BY n`,
    [pending],
  );
  if (rows.length !== pending.length) {
    throw new Error(`${pending.length - rows.length} rows of the outbox that have numbers are gone`);
  }
  const head = headOf(state.source);
  const first = through - pending.length + 1;
  const events = rows.map(({ key, draft }, index) => eventOf(head, first + index, key, draft));
  return { events, ids: pending };
}

function eventOf(head: string, sequence: number, key: string, draft: string): NumberedEvent {
  const bytes = Buffer.from(numberedText(head, sequence, draft));
  return { sequence, topic: topicOf(typeOfDraft(draft)), key, bytes };
}

/** Pure: the events' bytes, and what the source has come to with them. */
export function numberDrafts(
  state: Numbering & Pick<SourceState, 'source'>,
  entries: readonly { readonly key: string; readonly draft: string }[],
): { events: NumberedEvent[]; progress: Numbering } {
  let { through, chain } = state;
  const counts: Record<string, number> = { ...state.counts };
  const events: NumberedEvent[] = [];
  const head = headOf(state.source);
  for (const { key, draft } of entries) {
    through += 1;
    const event = eventOf(head, through, key, draft);
    chain = extendChain(chain, event.bytes);
    const type = typeOfDraft(draft);
    counts[type] = (counts[type] ?? 0) + 1;
    events.push(event);
  }
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
    const { events, progress } = numberDrafts(state, [{ key: SOURCE_KEY, draft: draftText(started(state)) }]);
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

/** Lets go of what the broker has acknowledged. Another leader may have done so, and be further by now. */
export async function deletePublished(pool: Pool, { events, ids }: NumberedBatch): Promise<void> {
  const [first, last] = [events.at(0)?.sequence, events.at(-1)?.sequence];
  if (ids === null) {
    // Numbers without gaps, so that two of them say it all.
    await pool.query('DELETE FROM outbox WHERE sequence BETWEEN $1 AND $2', [first, last]);
    return;
  }
  await transaction(pool, async (tx) => {
    const { rowCount } = await tx.query({
      name: 'bus.settle',
      text: "UPDATE outbox_source SET pending = '{}' WHERE through = $1 AND pending = $2::bigint[]",
      values: [last, ids],
    });
    if (rowCount === 0) return;
    await tx.query({
      name: 'bus.delete_published',
      text: 'DELETE FROM outbox WHERE id = ANY ($1::bigint[])',
      values: [ids],
    });
  });
}
