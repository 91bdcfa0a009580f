import { transaction } from '@tollgate/database';
import { growLog, type LogEdge } from '@tollgate/transparency-log';
import { segmentName } from '../archive/segment-store.ts';
import { AuditError } from '../errors.ts';
import type { HeldEvents } from '../inbox/held-events.ts';
import { oldestRows } from '../inbox/inbox.ts';
import type { InboxRow } from '../inbox/inbox-row.ts';
import type { CommittedEvents, IndexableEvent } from '../indexing/committed-events.ts';
import { catchUpChains } from '../sources/chain-catch-up.ts';
import { SourceRegister } from '../sources/register.ts';
import { applyClaims, applyHeartbeats, applySourceEvents, type PublicKeyOf } from '../sources/reports.ts';
import { received } from '../sources/source-state.ts';
import { Publisher, type PublisherStep } from '../tree/publisher.ts';
import { recoverTree, rootBytes, type TreeParts } from '../tree/recover-tree.ts';
import { commitBatch, type PreparedBatch, type Segment } from './commit.ts';
import { bytesOf, layOut } from './lay-out.ts';
import { beginEpoch, type LogState } from './log-state.ts';
import { differing, knownIds } from './repeats.ts';
import { type Clash, type NumberedRow, type Sifted, sift } from './sift.ts';

/** The places at which a crash must leave no trace but the one before or the one after. */
export type WriterStep = 'taken' | 'written' | 'synced' | 'committing' | 'committed' | PublisherStep;

export interface WriterOptions extends TreeParts {
  readonly publicKeyOf: PublicKeyOf;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Events in one step at most. */
  readonly maxBatch?: number;
  /** A segment is closed before it would grow beyond this. */
  readonly maxSegmentBytes?: number;
  /** Checkpoints are at least so far apart; 200 unless given. */
  readonly publishIntervalMs?: number;
  /** What this process has just put into the inbox. */
  readonly held?: HeldEvents | undefined;
  /** Given what becomes part of the log, for the indexer of this process. */
  readonly committed?: CommittedEvents | undefined;
  /** Called at each step; what it throws ends the epoch as a crash would. For tests. */
  readonly onStep?: (step: WriterStep) => void | Promise<void>;
}

/** What one step did. */
export interface StepResult {
  /** Inbox rows dealt with; 0 where there was nothing to do. */
  readonly rows: number;
  readonly entries: number;
  readonly repeats: number;
  readonly conflicts: number;
  readonly unverified: number;
  readonly size: number;
}

export const DEFAULT_MAX_BATCH = 2_000;
export const DEFAULT_MAX_SEGMENT_BYTES = 64 << 20;
const MAX_BATCH_BYTES = 16 << 20;

/**
 * One epoch of the log's writer: from inbox to archive and index, batch by batch. While one batch is committed, the
 * next is read and archived already. After an error the writer is of no use any more; the next epoch goes on from
 * `log_state`.
 */
export class LogWriter {
  readonly #options: WriterOptions;
  readonly #register: SourceRegister;
  /** Where the log ends once everything prepared has been committed. */
  #end: LogState;
  /** Of the tree over the same. */
  #edge: LogEdge;
  readonly #publisher: Publisher;
  /** The segment of this epoch; null until its first event. */
  #segment: Segment | null = null;
  /** Of the batch that is being committed. */
  #underWay: readonly number[] = [];
  #suspectIds: boolean;

  private constructor(options: WriterOptions, state: LogState, edge: LogEdge, suspectIds: boolean) {
    this.#options = options;
    this.#end = state;
    this.#edge = edge;
    this.#publisher = new Publisher(options);
    this.#suspectIds = suspectIds;
    this.#register = new SourceRegister(options.pool, options.now);
  }

  /**
   * Begins an epoch, which ends every earlier one.
   *
   * @param suspectIds look the first batch's event ids up: after an epoch that ended because one was taken
   * @throws AuditError `archive_truncated` where the archive holds less than the log says, and what `recoverTree` throws
   */
  static async begin(options: WriterOptions, suspectIds = false): Promise<LogWriter> {
    const state = await beginEpoch(options.pool);
    await assertArchived(options, state);
    const { edge, root } = await recoverTree(options, state);
    const writer = new LogWriter(options, { ...state, root }, edge, suspectIds);
    await writer.#register.loadBehind();
    return writer;
  }

  get epoch(): number {
    return this.#end.epoch;
  }

  /** Leaves in the log, with those that are being committed. */
  get size(): number {
    return this.#end.size;
  }

  /**
   * Writes until the signal: gives the result of each batch when it is committed, and one without rows whenever there
   * is nothing to do, so that the caller can pause.
   */
  async *run(signal: AbortSignal): AsyncGenerator<StepResult> {
    let committing: Promise<StepResult> | null = null;
    try {
      for (;;) {
        this.#publisher.check();
        const prepared: PreparedBatch | null = signal.aborted ? null : await this.#prepare(committing);
        if (committing !== null) {
          const result = await committing;
          committing = null;
          yield result;
        }
        if (prepared !== null) {
          committing = this.#commit(prepared);
          // Waited for above; until then a failure must not count as unhandled.
          committing.catch(() => {});
        } else if (signal.aborted) {
          await this.#publisher.drained();
          return;
        } else yield this.#result(0, 0, 0, 0, 0);
      }
    } finally {
      await committing?.catch(() => {});
      await this.#publisher.drained().catch(() => {});
    }
  }

  /** Places the oldest batch of the inbox, and waits until its checkpoint is published. */
  async step(): Promise<StepResult> {
    const prepared = await this.#prepare(null);
    const result = prepared === null ? this.#result(0, 0, 0, 0, 0) : await this.#commit(prepared);
    await this.#publisher.drained();
    return result;
  }

  /** Everything up to the commit. Null where there is nothing to do. */
  async #prepare(committing: Promise<unknown> | null): Promise<PreparedBatch | null> {
    const { pool, store, now } = this.#options;
    if (this.#register.isFull()) {
      await committing;
      this.#register.clear();
    }
    const rows = await oldestRows(pool, {
      maxRows: this.#options.maxBatch ?? DEFAULT_MAX_BATCH,
      maxBytes: MAX_BATCH_BYTES,
      except: this.#underWay,
      held: this.#options.held,
    });
    await this.#register.load(rows.map((row) => row.source));
    const caughtUp = await catchUpChains(this.#register, { pool, store });
    if (rows.length === 0 && !caughtUp) return null;
    await this.#reached('taken');

    const sifted = await this.#sift(rows);
    // What they repeat may be under way itself.
    if (sifted.repeats.length > 0) await committing;
    const clashes = [...sifted.clashes, ...(await this.#differing(sifted.repeats))];
    const from = this.#end;
    const { placed, hashes, opened, tiles } = await this.#archive(sifted.fresh);
    const learnt = await this.#learn(sifted, now());
    const wrong = this.#register.compare();
    const changed = this.#register.takeChanges();
    const sources = placed.map(({ row }) => this.#register.get(row.source));
    return {
      rows,
      sifted,
      clashes,
      placed,
      hashes,
      tiles,
      sources,
      opened,
      learnt,
      wrong,
      changed,
      from,
      to: this.#end,
    };
  }

  async #sift(rows: readonly InboxRow[]): Promise<Sifted> {
    const taken = this.#suspectIds
      ? await knownIds(
          this.#options.pool,
          rows.map((row) => row.eventId),
        )
      : new Set<string>();
    return sift(rows, (source) => this.#register.get(source).state.received, taken);
  }

  async #differing(repeats: readonly NumberedRow[]): Promise<Clash[]> {
    const { pool, store } = this.#options;
    const rows = await differing(repeats, {
      pool,
      store,
      sourceIdOf: (row) => this.#register.get(row.source).id,
    });
    return rows.map((row) => ({ kind: 'sequence-reused', row }));
  }

  /** Writes the events to the archive, behind everything that is part of the log, and makes them durable there. */
  async #archive(
    fresh: readonly NumberedRow[],
  ): Promise<Pick<PreparedBatch, 'placed' | 'hashes' | 'opened' | 'tiles'>> {
    if (fresh.length === 0) return { placed: [], hashes: new Uint8Array(0), opened: null, tiles: [] };
    const { store, maxSegmentBytes = DEFAULT_MAX_SEGMENT_BYTES } = this.#options;
    const { size, epoch, segmentId, segmentBytes } = this.#end;
    const fits = this.#segment !== null && segmentBytes + bytesOf(fresh) <= maxSegmentBytes;
    const segment =
      this.#segment !== null && fits ? this.#segment : { id: segmentId + 1, name: segmentName(size, epoch) };
    const { bytes, offset, placed } = layOut(
      fresh,
      { size, epoch, segmentBytes: fits ? segmentBytes : 0 },
      (source) => this.#register.get(source).digest,
    );
    await store.write(segment.name, offset, bytes);
    await this.#reached('written');
    await store.sync(segment.name);
    await this.#reached('synced');
    const grown = growLog(
      this.#edge,
      placed.map(({ entry }) => entry),
    );
    this.#segment = segment;
    this.#edge = grown.edge;
    this.#end = {
      epoch,
      size: size + placed.length,
      segmentId: segment.id,
      segmentBytes: offset + bytes.length,
      root: rootBytes(grown.edge),
    };
    return { placed, hashes: grown.leaves, opened: fits ? null : segment, tiles: grown.written };
  }

  /** What follows from the batch for its sources. */
  async #learn({ fresh, reports }: Sifted, nowMs: number): Promise<PreparedBatch['learnt']> {
    const register = this.#register;
    for (const [name, rows] of Map.groupBy(fresh, (row) => row.source)) {
      const source = register.get(name);
      const numbers = rows.map((row) => row.sequence);
      register.change(source, received(source.state, numbers, nowMs));
      for (const row of rows) source.chain.add(row.sequence, row.bytes);
    }
    const reporting = { register, publicKeyOf: this.#options.publicKeyOf, nowMs };
    const { gaps, unverified } = applySourceEvents(fresh, reporting);
    const doubted = applyHeartbeats(reports, reporting);
    await applyClaims(
      [...reports, ...fresh].map((row) => row.source),
      reporting,
    );
    return { gaps, unverified: [...unverified, ...doubted] };
  }

  /** The one transaction that makes a batch part of the log. */
  async #commit(batch: PreparedBatch): Promise<StepResult> {
    const { sifted, learnt, tiles, to } = batch;
    this.#underWay = batch.rows.map((row) => row.arrival);
    await this.#reached('committing');
    await transaction(this.#options.pool, (tx) => commitBatch(tx, batch));
    this.#options.held?.remove(this.#underWay);
    this.#options.committed?.add(batch.from.size, indexable(batch));
    this.#underWay = [];
    this.#suspectIds = false;
    await this.#reached('committed');
    if (tiles.length > 0 && to.root !== null) {
      await this.#publisher.committed({ size: to.size, root: to.root, written: tiles });
    }
    return this.#result(
      batch.rows.length,
      sifted.fresh.length,
      sifted.repeats.length + sifted.doubles.length,
      batch.clashes.length + batch.wrong.length,
      learnt.unverified.length,
    );
  }

  #result(rows: number, entries: number, repeats: number, conflicts: number, unverified: number): StepResult {
    return { rows, entries, repeats, conflicts, unverified, size: this.#end.size };
  }

  async #reached(step: WriterStep): Promise<void> {
    await this.#options.onStep?.(step);
  }
}

/** What the index needs of a batch that is part of the log; null where some of it has to be read for that. */
function indexable({ placed, sources }: PreparedBatch): IndexableEvent[] | null {
  const events: IndexableEvent[] = [];
  for (const [nth, { row }] of placed.entries()) {
    const sourceId = sources[nth]?.id ?? null;
    if (row.facts === null || sourceId === null) return null;
    const { facts, sequence, timeMs, receivedMs } = row;
    events.push({ facts, sourceId, sequence, timeMs, receivedMs });
  }
  return events;
}

/** The log must never claim what the archive does not hold. */
async function assertArchived({ pool, store }: WriterOptions, state: LogState): Promise<void> {
  if (state.segmentId === 0) return;
  const { rows } = await pool.query<{ name: string }>(
    'SELECT name FROM archive_segment WHERE segment_id = $1',
    [state.segmentId],
  );
  const name = rows[0]?.name;
  if (name === undefined)
    throw new AuditError('log_inconsistent', `segment ${state.segmentId} is not in the index`);
  const bytes = await store.size(name);
  if (bytes === null || bytes < state.segmentBytes) {
    throw new AuditError(
      'archive_truncated',
      `segment ${name} holds ${bytes ?? 'no'} of ${state.segmentBytes} bytes: restore the archive before going on`,
    );
  }
}
