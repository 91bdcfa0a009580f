import { CopyRows, type Transaction } from '@tollgate/database';
import type { WrittenResource } from '@tollgate/transparency-log';
import { AuditError } from '../errors.ts';
import { removeRows } from '../inbox/inbox.ts';
import type { InboxRow } from '../inbox/inbox-row.ts';
import { type ChangedSource, type KnownSource, storeSources } from '../sources/register.ts';
import type { DeclaredGap, Unverified } from '../sources/reports.ts';
import type { Placed } from './lay-out.ts';
import { advance, type LogState } from './log-state.ts';
import type { Clash, Sifted } from './sift.ts';

/** A batch that is in the archive and on its way into the index. */
export interface PreparedBatch {
  readonly rows: readonly InboxRow[];
  readonly sifted: Sifted;
  readonly clashes: readonly Clash[];
  readonly placed: readonly Placed[];
  /** Their leaf hashes, one after the other. */
  readonly hashes: Uint8Array;
  /** What they add to the files of the tree; written once it is committed. */
  readonly tiles: readonly WrittenResource[];
  /** The source of each placed event; it has its id once `changed` is stored. */
  readonly sources: readonly KnownSource[];
  /** The segment that the first of them opens; null where it goes on in one. */
  readonly opened: Segment | null;
  /** What sources say of themselves. */
  readonly learnt: { readonly gaps: readonly DeclaredGap[]; readonly unverified: readonly Unverified[] };
  /** Sources whose chain has turned out to differ. */
  readonly wrong: readonly KnownSource[];
  readonly changed: readonly ChangedSource[];
  readonly from: LogState;
  readonly to: LogState;
}

export type Segment = { readonly id: number; readonly name: string };

/**
 * Makes a batch part of the log: everything in the one transaction that moves `log_state` on.
 * @throws AuditError `leadership_lost`, `log_inconsistent`
 */
export async function commitBatch(tx: Transaction, batch: PreparedBatch): Promise<void> {
  const { placed, opened, learnt, from, to } = batch;
  await advance(tx, from, to);
  await storeSources(tx, batch.changed);
  if (opened !== null) await insertSegment(tx, { ...opened, firstLeaf: from.size, epoch: from.epoch });
  await insertEntries(tx, batch);
  await removeRows(
    tx,
    batch.rows.map(({ arrival }) => arrival),
  );
  await insertClashes(tx, batch.clashes);
  for (const { name, state } of batch.wrong) await insertMismatch(tx, name, state.mismatch ?? 0);
  const leafOf = new Map(placed.map(({ row, leafIndex }) => [row, leafIndex]));
  await insertDeclaredGaps(tx, learnt.gaps, ({ row }) => leafOf.get(row) ?? -1);
  await noteUnverified(tx, learnt.unverified);
}

const ENTRY =
  'entry (leaf_index, event_id, source_id, sequence, type, subject, organisation_id, team_id, time, received_at, segment_id, segment_offset, frame_bytes, leaf_hash)';
const ENTRY_COLUMNS = 14;
/** What an entry takes up, about. */
const ENTRY_BYTES = 384;
const HASH_BYTES = 32;

async function insertEntries(tx: Transaction, { placed, sources, hashes, to }: PreparedBatch): Promise<void> {
  if (placed.length === 0) return;
  const copy = new CopyRows(ENTRY_COLUMNS, placed.length * ENTRY_BYTES);
  for (const [nth, { row, leafIndex, offset, frameBytes }] of placed.entries()) {
    const sourceId = sources[nth]?.id;
    if (sourceId === undefined || sourceId === null) {
      throw new AuditError('log_inconsistent', `the source of leaf ${leafIndex} was not stored before it`);
    }
    copy.row();
    copy.int8(leafIndex);
    copy.uuid(row.eventId);
    copy.int4(sourceId);
    copy.int8(row.sequence);
    copy.text(row.type);
    copy.text(row.subject);
    copy.text(row.organisationId);
    copy.text(row.teamId);
    copy.instant(row.timeMs);
    copy.instant(row.receivedMs);
    copy.int4(to.segmentId);
    copy.int4(offset);
    copy.int4(frameBytes);
    copy.bytes(hashes.subarray(nth * HASH_BYTES, (nth + 1) * HASH_BYTES));
  }
  await tx.copyIn(ENTRY, copy);
}

async function insertSegment(
  tx: Transaction,
  segment: { readonly id: number; readonly name: string; readonly firstLeaf: number; readonly epoch: number },
): Promise<void> {
  await tx.query(
    'INSERT INTO archive_segment (segment_id, name, first_leaf, epoch) VALUES ($1, $2, $3, $4)',
    [segment.id, segment.name, segment.firstLeaf, segment.epoch],
  );
}

async function insertClashes(tx: Transaction, clashes: readonly Clash[]): Promise<void> {
  for (const { kind, row } of clashes) {
    await tx.query(
      `INSERT INTO conflict (kind, source, sequence, event_id, type, bytes, received_at)
       VALUES ($1, $2, $3, $4, $5, $6, to_timestamp($7 / 1000.0))`,
      [kind, row.source, row.sequence, row.eventId, row.type, row.bytes, row.receivedMs],
    );
  }
}

/** Says that the bytes in the log are not those that their source hashed. */
async function insertMismatch(tx: Transaction, source: string, sequence: number): Promise<void> {
  await tx.query("INSERT INTO conflict (kind, source, sequence) VALUES ('chain-mismatch', $1, $2)", [
    source,
    sequence,
  ]);
}

async function insertDeclaredGaps(
  tx: Transaction,
  gaps: readonly DeclaredGap[],
  leafIndexOf: (gap: DeclaredGap) => number,
): Promise<void> {
  for (const gap of gaps) {
    const { data } = gap;
    await tx.query(
      `INSERT INTO declared_gap (leaf_index, source, first_missing, last_missing, reason, unrecorded_requests, since, until)
       VALUES ($1, $2, $3, $4, $5, $6, to_timestamp($7 / 1000.0), to_timestamp($8 / 1000.0))`,
      [
        leafIndexOf(gap),
        data.source,
        data.from,
        data.to,
        data.reason,
        data.unrecorded_requests,
        Date.parse(data.since),
        Date.parse(data.until),
      ],
    );
  }
}

/** Sources of unverified words that are told apart; a forger can invent any number. */
const MAX_UNVERIFIED_SOURCES = 10_000;

async function noteUnverified(tx: Transaction, unverified: readonly Unverified[]): Promise<void> {
  const latest = new Map(unverified.map((word) => [word.source, word]));
  for (const word of latest.values()) {
    await tx.query(
      `INSERT INTO unverified_report AS u (source, type, reason, through, received_at)
       SELECT $1, $2, $3, $4, to_timestamp($5 / 1000.0)
       WHERE (SELECT count(*) FROM unverified_report) < ${MAX_UNVERIFIED_SOURCES}
          OR EXISTS (SELECT FROM unverified_report WHERE source = $1)
       ON CONFLICT (source) DO UPDATE
       SET type = excluded.type, reason = excluded.reason, through = excluded.through,
           received_at = excluded.received_at, reports = u.reports + 1`,
      [word.source, word.type, word.reason, word.through, word.receivedMs],
    );
  }
}
