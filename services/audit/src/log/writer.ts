import { type Pool, transaction } from '@tollgate/database';
import { type SegmentStore, segmentName } from '../archive/segment-store.ts';
import { AuditError } from '../errors.ts';
import { type InboxRow, oldestRows, removeRows } from '../inbox/inbox.ts';
import { catchUpChains } from '../sources/chain-catch-up.ts';
import { type KnownSource, SourceRegister } from '../sources/register.ts';
import {
  applyClaims,
  applyHeartbeats,
  applySourceEvents,
  type DeclaredGap,
  type PublicKeyOf,
  type Unverified,
} from '../sources/reports.ts';
import { received } from '../sources/source-state.ts';
import {
  insertClashes,
  insertDeclaredGaps,
  insertMismatch,
  insertSegment,
  moveToIndex,
  noteUnverified,
} from './commit.ts';
import { bytesOf, type LaidOut, layOut } from './lay-out.ts';
import { advance, beginEpoch, type LogState } from './log-state.ts';
import { differing, knownIds } from './repeats.ts';
import { type Clash, type NumberedRow, type Sifted, sift } from './sift.ts';

/** The places at which a crash must leave no trace but the one before or the one after. */
export type WriterStep = 'taken' | 'written' | 'synced' | 'committing' | 'committed';

export interface WriterOptions {
  readonly pool: Pool;
  readonly store: SegmentStore;
  readonly publicKeyOf: PublicKeyOf;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Events in one step at most. */
  readonly maxBatch?: number;
  /** A segment is closed before it would grow beyond this. */
  readonly maxSegmentBytes?: number;
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

/** What sources say of themselves in one batch. */
interface Learnt {
  readonly gaps: readonly DeclaredGap[];
  readonly unverified: readonly Unverified[];
}

export const DEFAULT_MAX_BATCH = 2_000;
export const DEFAULT_MAX_SEGMENT_BYTES = 64 << 20;
const MAX_BATCH_BYTES = 16 << 20;

/**
 * One epoch of the log's writer: from inbox to archive and index, batch by batch. After an error it is of no use any
 * more; the next epoch goes on from `log_state`.
 */
export class LogWriter {
  readonly #options: WriterOptions;
  readonly #register: SourceRegister;
  #state: LogState;
  /** The segment of this epoch; null until its first event. */
  #segment: { readonly id: number; readonly name: string } | null = null;
  #suspectIds: boolean;

  private constructor(options: WriterOptions, state: LogState, suspectIds: boolean) {
    this.#options = options;
    this.#state = state;
    this.#suspectIds = suspectIds;
    this.#register = new SourceRegister(options.pool, options.now);
  }

  /**
   * Begins an epoch, which ends every earlier one.
   *
   * @param suspectIds look the first batch's event ids up: after an epoch that ended because one was taken
   * @throws AuditError `archive_truncated` where the archive holds less than the log says
   */
  static async begin(options: WriterOptions, suspectIds = false): Promise<LogWriter> {
    const state = await beginEpoch(options.pool);
    await assertArchived(options, state);
    const writer = new LogWriter(options, state, suspectIds);
    await writer.#register.loadBehind();
    return writer;
  }

  get epoch(): number {
    return this.#state.epoch;
  }

  get size(): number {
    return this.#state.size;
  }

  /** Places the oldest batch of the inbox. */
  async step(): Promise<StepResult> {
    const { pool, store, now } = this.#options;
    this.#register.trim();
    const rows = await oldestRows(pool, this.#options.maxBatch ?? DEFAULT_MAX_BATCH, MAX_BATCH_BYTES);
    await this.#register.load(rows.map((row) => row.source));
    const caughtUp = await catchUpChains(this.#register, { pool, store });
    if (rows.length === 0 && !caughtUp) return this.#result(0, 0, 0, 0, 0);
    await this.#reached('taken');

    const sifted = await this.#sift(rows);
    const clashes = [...sifted.clashes, ...(await this.#differing(sifted.repeats))];
    const laidOut = await this.#archive(sifted.fresh);
    const words = await this.#learn(sifted, now());
    const wrong = this.#register.compare();
    await this.#reached('committing');
    await this.#commit({ rows, sifted, clashes, laidOut, words, wrong });
    await this.#reached('committed');
    return this.#result(
      rows.length,
      sifted.fresh.length,
      sifted.repeats.length + sifted.doubles.length,
      clashes.length + wrong.length,
      words.unverified.length,
    );
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
  async #archive(fresh: readonly NumberedRow[]): Promise<(LaidOut & { readonly opened: boolean }) | null> {
    if (fresh.length === 0) return null;
    const { store } = this.#options;
    const { size, epoch, segmentId, segmentBytes } = this.#state;
    const limit = this.#options.maxSegmentBytes ?? DEFAULT_MAX_SEGMENT_BYTES;
    const opened = this.#segment === null || segmentBytes + bytesOf(fresh) > limit;
    const segment =
      this.#segment === null || opened
        ? { id: segmentId + 1, name: segmentName(size, epoch) }
        : this.#segment;
    const laidOut = layOut(
      fresh,
      { size, epoch, segmentBytes: opened ? 0 : segmentBytes },
      (source) => this.#register.get(source).digest,
    );
    await store.write(segment.name, laidOut.offset, laidOut.bytes);
    await this.#reached('written');
    await store.sync(segment.name);
    await this.#reached('synced');
    this.#segment = segment;
    return { ...laidOut, opened };
  }

  /** What follows from the batch for its sources. */
  async #learn({ fresh, reports }: Sifted, nowMs: number): Promise<Learnt> {
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

  async #commit(batch: {
    readonly rows: readonly InboxRow[];
    readonly sifted: Sifted;
    readonly clashes: readonly Clash[];
    readonly laidOut: (LaidOut & { readonly opened: boolean }) | null;
    readonly words: Learnt;
    readonly wrong: readonly KnownSource[];
  }): Promise<void> {
    const { sifted, laidOut, words } = batch;
    const next = this.#next(laidOut);
    await transaction(this.#options.pool, async (tx) => {
      await advance(tx, this.#state, next);
      await this.#register.store(tx);
      if (laidOut !== null && this.#segment !== null) {
        if (laidOut.opened) {
          await insertSegment(tx, {
            ...this.#segment,
            firstLeaf: this.#state.size,
            epoch: this.#state.epoch,
          });
        }
        const ids = laidOut.placed.map(({ row }) => this.#register.get(row.source).id ?? 0);
        await moveToIndex(tx, laidOut.placed, ids, next.segmentId);
      }
      await removeRows(
        tx,
        [
          ...sifted.repeats,
          ...sifted.doubles,
          ...sifted.reports,
          ...sifted.clashes.map(({ row }) => row),
        ].map((row) => row.arrival),
      );
      await insertClashes(tx, batch.clashes);
      for (const { name, state } of batch.wrong) await insertMismatch(tx, name, state.mismatch ?? 0);
      const leafOf = new Map(laidOut?.placed.map(({ row, leafIndex }) => [row, leafIndex]));
      await insertDeclaredGaps(tx, words.gaps, ({ row }) => leafOf.get(row) ?? -1);
      await noteUnverified(tx, words.unverified);
    });
    this.#state = next;
    this.#suspectIds = false;
    this.#register.settle();
  }

  #next(laidOut: LaidOut | null): LogState {
    if (laidOut === null || this.#segment === null) return this.#state;
    return {
      epoch: this.#state.epoch,
      size: this.#state.size + laidOut.placed.length,
      segmentId: this.#segment.id,
      segmentBytes: laidOut.offset + laidOut.bytes.length,
    };
  }

  #result(rows: number, entries: number, repeats: number, conflicts: number, unverified: number): StepResult {
    return { rows, entries, repeats, conflicts, unverified, size: this.#state.size };
  }

  async #reached(step: WriterStep): Promise<void> {
    await this.#options.onStep?.(step);
  }
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
