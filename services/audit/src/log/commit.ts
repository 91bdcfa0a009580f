import type { Transaction } from '@tollgate/database';
import { leafHashes, type WrittenResource } from '@tollgate/transparency-log';
import { AuditError } from '../errors.ts';
import { type InboxRow, removeRows } from '../inbox/inbox.ts';
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
  const { sifted, placed, opened, learnt, from, to } = batch;
  await advance(tx, from, to);
  await storeSources(tx, batch.changed);
  if (opened !== null) await insertSegment(tx, { ...opened, firstLeaf: from.size, epoch: from.epoch });
  await moveToIndex(
    tx,
    placed,
    batch.sources.map(({ id }) => id),
    to.segmentId,
  );
  const others = [
    ...sifted.repeats,
    ...sifted.doubles,
    ...sifted.reports,
    ...sifted.clashes.map(({ row }) => row),
  ];
  await removeRows(
    tx,
    others.map((row) => row.arrival),
  );
  await insertClashes(tx, batch.clashes);
  for (const { name, state } of batch.wrong) await insertMismatch(tx, name, state.mismatch ?? 0);
  const leafOf = new Map(placed.map(({ row, leafIndex }) => [row, leafIndex]));
  await insertDeclaredGaps(tx, learnt.gaps, ({ row }) => leafOf.get(row) ?? -1);
  await noteUnverified(tx, learnt.unverified);
}

/*
 * The index rows are made from the inbox rows where
 * they lie, so that only what the integrator has computed travels.
 */

/**
 * Moves rows from the inbox into the index.
 * @param sourceIds one per placed event
 * @throws AuditError `log_inconsistent` where the inbox no longer holds what was read from it
 */
async function moveToIndex(
  tx: Transaction,
  placed: readonly Placed[],
  sourceIds: readonly (number | null)[],
  segmentId: number,
): Promise<void> {
  const first = placed[0];
  if (first === undefined) return;
  const { rowCount } = await tx.query({
    name: 'audit-entry-insert',
    text: `
      WITH placed AS (
        SELECT * FROM unnest($1::bigint[], $2::int[], $3::int[], $4::int[]) WITH ORDINALITY
          AS p (arrival, source_id, segment_offset, frame_bytes, nth)
      ), gone AS (
        DELETE FROM inbox WHERE arrival = ANY ($1::bigint[])
        RETURNING arrival, event_id, sequence, type, subject, organisation_id, team_id, time, received_at
      )
      INSERT INTO entry (leaf_index, event_id, source_id, sequence, type, subject, organisation_id, team_id, time,
                         received_at, segment_id, segment_offset, frame_bytes, leaf_hash)
      SELECT $5::bigint + p.nth - 1, g.event_id, p.source_id, g.sequence, g.type, g.subject, g.organisation_id,
             g.team_id, g.time, g.received_at, $6::int, p.segment_offset, p.frame_bytes,
             substring($7::bytea FROM (p.nth::int - 1) * 32 + 1 FOR 32)
      FROM placed p JOIN gone g USING (arrival) ORDER BY p.nth`,
    values: [
      placed.map(({ row }) => row.arrival),
      sourceIds,
      placed.map(({ offset }) => offset),
      placed.map(({ frameBytes }) => frameBytes),
      first.leafIndex,
      segmentId,
      leafHashes(placed.map(({ entry }) => entry)),
    ],
  });
  if (rowCount !== placed.length) {
    throw new AuditError(
      'log_inconsistent',
      `${placed.length} inbox rows were to become entries, and ${rowCount} did: nothing was committed`,
    );
  }
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
