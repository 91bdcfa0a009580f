import { type Pool, type Transaction, transaction } from '@tollgate/database';
import { type EventDraft, SEQUENCE_DIGITS, TOPICS, type Topic, topicOf } from '@tollgate/events';
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

/**
 * Numbers what is committed and has no number yet, in order of insertion. Number, bytes, counts and chain become
 * durable together, before anything of it is published: whoever publishes it again sends the same bytes.
 *
 * @returns the events, in order of their numbers; empty where there was nothing to do
 */
export async function numberNext(pool: Pool, limit: number): Promise<NumberedEvent[]> {
  return transaction(pool, async (tx) => {
    const state = await lockSourceState(tx);
    if (state === null) return [];
    const { rows } = await tx.query<{ id: bigint; key: string; draft: string }>({
      name: 'bus.unnumbered',
      text: 'SELECT id, key, draft FROM outbox WHERE sequence IS NULL ORDER BY id LIMIT $1',
      values: [limit],
    });
    if (rows.length === 0) return [];
    const { events, progress } = numberDrafts(state, rows);
    // The server puts the same bytes together, from the draft that it has: they need not travel back to it.
    await tx.query({
      name: 'bus.number',
      text: `UPDATE outbox o SET sequence = n.sequence, topic = n.topic, draft = NULL,
               bytes = convert_to($4::text || lpad(n.sequence::text, ${SEQUENCE_DIGITS}, '0') || '",' || substr(o.draft, 2), 'UTF8')
             FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS n (id, sequence, topic)
             WHERE o.id = n.id`,
      values: [
        rows.map((row) => row.id),
        events.map((event) => event.sequence),
        events.map((event) => event.topic),
        headOf(state.source),
      ],
    });
    await storeProgress(tx, progress);
    return events;
  });
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
    const bytes = Buffer.from(numberedText(head, through, draft));
    chain = extendChain(chain, bytes);
    const type = typeOfDraft(draft);
    counts[type] = (counts[type] ?? 0) + 1;
    events.push({ sequence: through, topic: topicOf(type), key, bytes });
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
    await storeProgress(tx, progress);
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

/** Events that are numbered and not yet known to be published, from the lowest number on. */
export async function readNumbered(pool: Pool, limit: number): Promise<NumberedEvent[]> {
  const { rows } = await pool.query<{ sequence: bigint; topic: string; key: string; bytes: Buffer }>(
    'SELECT sequence, topic, key, bytes FROM outbox WHERE sequence IS NOT NULL ORDER BY sequence LIMIT $1',
    [limit],
  );
  return rows.map((row) => {
    const topic = TOPICS.find((candidate) => candidate === row.topic);
    if (topic === undefined) throw new Error(`outbox row ${row.sequence} is for unknown topic ${row.topic}`);
    return { sequence: Number(row.sequence), topic, key: row.key, bytes: row.bytes };
  });
}

/** Lets go of what the broker has acknowledged. */
export async function deletePublished(pool: Pool, events: readonly NumberedEvent[]): Promise<void> {
  await pool.query({
    name: 'bus.delete_published',
    // Numbers without gaps, so that two of them say it all.
    text: 'DELETE FROM outbox WHERE sequence BETWEEN $1 AND $2',
    values: [events.at(0)?.sequence ?? 0, events.at(-1)?.sequence ?? 0],
  });
}
