import { CopyRows, type Transaction } from '@tollgate/database';
import { AuditError } from '../errors.ts';
import type { IndexableEvent } from './committed-events.ts';
import { addCounts, counted } from './event-counts.ts';
import { markRequests, tallied } from './request-marks.ts';

/** What became of a batch. */
export interface Indexed {
  readonly events: number;
  /** Of these, came more than `CLOCK_TOLERANCE_MINUTES` after their own time, or before it. */
  readonly late: number;
  readonly ahead: number;
}

const TARGET =
  'indexed_event (leaf_index, happened_at, received_at, source_id, type, organisation_id, team_id, terms)';
const COLUMNS = 8;
/** What a row takes up beside its terms, about. */
const ROW_BYTES = 192;

/**
 * Indexes the events from `firstLeaf` on, in the caller's transaction, which also moves the position.
 * @throws AuditError `log_inconsistent` where the log's table has another event as the last of them
 */
export async function indexBatch(
  tx: Transaction,
  firstLeaf: number,
  events: readonly IndexableEvent[],
): Promise<Indexed> {
  const last = events.at(-1);
  if (last === undefined) return { events: 0, late: 0, ahead: 0 };
  await assertInLog(tx, firstLeaf + events.length - 1, last);
  const copy = new CopyRows(
    COLUMNS,
    events.reduce((sum, { facts }) => sum + ROW_BYTES + facts.terms.length, 0),
  );
  for (const [nth, { facts, sourceId, receivedMs }] of events.entries()) {
    copy.row();
    copy.int8(firstLeaf + nth);
    copy.instant(facts.happenedMs);
    copy.instant(receivedMs);
    copy.int4(sourceId);
    copy.text(facts.type);
    copy.text(facts.organisationId);
    copy.text(facts.teamId);
    copy.bytes(facts.terms);
  }
  await tx.copyIn(TARGET, copy);
  const counts = counted(events);
  await addCounts(tx, counts);
  await markRequests(tx, tallied(events.map(({ facts }) => facts)));
  return {
    events: events.length,
    late: counts.reduce((sum, { late }) => sum + late, 0),
    ahead: counts.reduce((sum, { ahead }) => sum + ahead, 0),
  };
}

/** What is indexed was in the log before: the last of a batch stands for all of it, since a log grows by whole batches. */
async function assertInLog(tx: Transaction, leaf: number, event: IndexableEvent): Promise<void> {
  const { rows } = await tx.query<{ source_id: number; sequence: bigint }>({
    name: 'audit-index-check',
    text: 'SELECT source_id, sequence FROM entry WHERE leaf_index = $1',
    values: [leaf],
  });
  const row = rows[0];
  if (row?.source_id === event.sourceId && Number(row.sequence) === event.sequence) return;
  throw new AuditError(
    'log_inconsistent',
    `the log's table does not hold leaf ${leaf} as it is to be indexed`,
  );
}
