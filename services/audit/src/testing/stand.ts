import path from 'node:path';
import type { ConsumedMessage } from '@tollgate/bus';
import { openPool, type Pool, transaction } from '@tollgate/database';
import { createTestDatabase, type TestDatabase, temporaryFolder } from '@tollgate/testing';
import { openFileSegments } from '../archive/file-segments.ts';
import { type ArchivedEvent, decodeSegmentHeader, SEGMENT_HEADER_BYTES } from '../archive/frame.ts';
import { readSegment } from '../archive/reader.ts';
import type { SegmentStore } from '../archive/segment-store.ts';
import { HeldEvents } from '../inbox/held-events.ts';
import { parseInboxEvent } from '../inbox/inbox-event.ts';
import { receive } from '../inbox/receive.ts';
import { CommittedEvents } from '../indexing/committed-events.ts';
import { indexNext } from '../indexing/indexer.ts';
import { IndexMonths } from '../indexing/months.ts';
import { encodeLeaf, sha256 } from '../log/leaf.ts';
import { readLogState } from '../log/log-state.ts';
import { LogWriter, type WriterOptions } from '../log/writer.ts';
import { auditMigrations } from '../migrations.ts';
import { openFileTiles } from '../tree/file-tiles.ts';
import { type LogSigners, openLogSigners } from '../tree/log-signers.ts';
import type { TileStore } from '../tree/tile-store.ts';
import { holdAgainst } from '../vault/stated/hold-against.ts';
import { TreeWitness } from './tree-witness.ts';

/** A database, an archive folder and a clock of a test's own, and what it takes to look into them. */
export interface Stand {
  readonly database: TestDatabase;
  readonly pool: Pool;
  readonly owner: Pool;
  readonly folder: string;
  readonly store: SegmentStore;
  readonly tiles: TileStore;
  readonly signers: LogSigners;
  nowMs: number;
  /** Puts events into the inbox as one consumed batch. */
  deliver(events: readonly Buffer[]): Promise<void>;
  writerOptions(options?: Partial<WriterOptions>): WriterOptions;
  /** Indexes what is published. */
  index(maxBatch?: number): Promise<void>;
  /** Runs one epoch until the inbox is empty, and indexes. */
  integrate(options?: Partial<WriterOptions>): Promise<void>;
  /** Leaves in the log, asked by the owner's connections. */
  size(): Promise<number>;
  /** Everything in the archive that is part of the log, read from its files alone but for the log's size. */
  archived(): Promise<ArchivedEvent[]>;
  /** Throws unless index, archive, state, tree and everything ever seen published agree in every detail. Returns the log's size. */
  assertWhole(): Promise<number>;
  close(): Promise<void>;
}

export interface StandOptions {
  readonly publicKeyOf?: (instance: string) => string | undefined;
  /** Files of the stand's own folder unless given. */
  readonly store?: SegmentStore;
  readonly tiles?: TileStore;
}

export async function openStand(options: StandOptions = {}): Promise<Stand> {
  const { publicKeyOf = () => undefined } = options;
  const database = await createTestDatabase({ services: [auditMigrations] });
  const pool = openPool({ url: database.urlFor('audit'), applicationName: 'audit-test' });
  const owner = openPool({ url: database.ownerUrl, applicationName: 'audit-test-owner', maxConnections: 2 });
  const folder = temporaryFolder('audit');
  const store = options.store ?? (await openFileSegments(folder));
  const tiles = options.tiles ?? (await openFileTiles(path.join(folder, 'log')));
  const signers = await openLogSigners(path.join(folder, 'log.key'), { origin: undefined, begun: false });
  const witness = new TreeWitness(signers, tiles);
  // Of the batches, every other is held for the integrator, so that it meets both kinds, side by side too.
  const held = new HeldEvents();
  const committed = new CommittedEvents();
  let batches = 0;
  const stand: Stand = {
    database,
    pool,
    owner,
    folder,
    store,
    tiles,
    signers,
    nowMs: 1_772_000_000_000,
    async deliver(events) {
      const messages = events.map((value, nth) => {
        const parsed = parseInboxEvent(value, true);
        if (parsed.kind !== 'event') throw new Error(`the test's event is ${parsed.kind}`);
        const message: ConsumedMessage = {
          topic: 'usage',
          partition: 0,
          offset: BigInt(nth),
          key: null,
          value,
          timestampMs: 0,
        };
        return { ...message, event: parsed.event };
      });
      batches += 1;
      const receiver = { now: () => stand.nowMs, held: batches % 2 === 0 ? held : undefined };
      await transaction(pool, (tx) => receive({ topic: 'usage', partition: 0, messages }, tx, receiver));
    },
    writerOptions: (options = {}) => ({
      pool,
      store,
      tiles,
      signers,
      publishIntervalMs: 0,
      held,
      committed,
      publicKeyOf,
      now: () => stand.nowMs,
      ...options,
    }),
    async integrate(options) {
      const writer = await LogWriter.begin(stand.writerOptions(options));
      const done = new AbortController();
      for await (const { rows } of writer.run(done.signal)) if (rows === 0) done.abort();
      await stand.index();
    },
    async index(maxBatch) {
      const parts = {
        pool,
        store,
        committed,
        now: () => stand.nowMs,
        ...(maxBatch === undefined ? {} : { maxBatch }),
      };
      const months = new IndexMonths(pool);
      while ((await indexNext(parts, months)) > 0);
      while ((await holdAgainst({ pool, store, now: () => stand.nowMs })) > 0);
    },
    async size() {
      const { rows } = await owner.query<{ size: bigint }>('SELECT size FROM audit.log_state');
      return Number(rows[0]?.size);
    },
    archived: () => readArchive(stand),
    assertWhole: () => assertWhole(stand, witness),
    async close() {
      await store.close();
      await pool.end();
      await owner.end();
      await database.close();
    },
  };
  return stand;
}

type SegmentRow = { segment_id: number; name: string; first_leaf: bigint; epoch: bigint };

async function readArchive({ owner, store, pool }: Stand): Promise<ArchivedEvent[]> {
  const { size } = await readLogState(pool);
  const { rows } = await owner.query<SegmentRow>('SELECT * FROM audit.archive_segment ORDER BY first_leaf');
  const events: ArchivedEvent[] = [];
  for (const [nth, row] of rows.entries()) {
    const firstLeaf = Number(row.first_leaf);
    const header = decodeSegmentHeader(await store.read(row.name, 0, SEGMENT_HEADER_BYTES));
    if (header.firstLeaf !== firstLeaf || header.epoch !== Number(row.epoch))
      throw new Error('a header differs');
    const endLeaf = Number(rows[nth + 1]?.first_leaf ?? size);
    for await (const event of readSegment(store, row.name, { firstLeaf, endLeaf })) events.push(event);
  }
  return events;
}

type EntryRow = {
  leaf_index: bigint;
  event_id: string;
  source: string;
  sequence: bigint;
  type: string;
  subject: string;
  leaf_hash: Buffer;
};

async function assertWhole(stand: Stand, witness: TreeWitness): Promise<number> {
  // Another process may be writing: what was published is part of the state that is read after it.
  const published = await witness.published(stand.pool);
  const { size, root } = await readLogState(stand.pool);
  const { rows } = await stand.owner.query<EntryRow>(
    `SELECT leaf_index, event_id, s.name AS source, sequence, type, subject, leaf_hash
     FROM audit.entry JOIN audit.source s USING (source_id) WHERE leaf_index < $1 ORDER BY leaf_index`,
    [size],
  );
  const archived = (await readArchive(stand)).slice(0, size);
  if (rows.length !== size || archived.length !== size) {
    throw new Error(`size ${size}, index ${rows.length}, archive ${archived.length}`);
  }
  for (const [nth, row] of rows.entries()) {
    const event = archived[nth];
    if (event === undefined || Number(row.leaf_index) !== nth || event.leafIndex !== nth) {
      throw new Error(`leaf ${nth} is not where it should be`);
    }
    const json: Record<string, unknown> = JSON.parse(event.bytes.toString());
    const record = {
      sourceDigest: sha256(row.source),
      sequence: Number(row.sequence),
      type: row.type,
      eventDigest: sha256(Buffer.concat([event.salt, event.bytes])),
    };
    const agrees =
      json['id'] === row.event_id &&
      json['source'] === row.source &&
      Number(json['sequence']) === Number(row.sequence) &&
      // As UTF-8 can hold them, which is how they are stored and digested.
      String(json['type']).toWellFormed() === row.type &&
      String(json['subject']).toWellFormed() === row.subject &&
      sha256(Buffer.concat([Buffer.of(0), encodeLeaf(record)])).equals(row.leaf_hash);
    if (!agrees) throw new Error(`leaf ${nth}: index and archive differ`);
  }
  await witness.assertOneHistory(
    rows.map((row) => row.leaf_hash),
    root,
    published,
  );
  return size;
}
