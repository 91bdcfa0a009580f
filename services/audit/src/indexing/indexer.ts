import { setTimeout as sleep } from 'node:timers/promises';
import { type Pool, transaction } from '@tollgate/database';
import type { Logger } from '@tollgate/telemetry';
import type { SegmentStore } from '../archive/segment-store.ts';
import { readPublication } from '../tree/publication.ts';
import type { CommittedEvents, IndexableEvent } from './committed-events.ts';
import { type Indexed, indexBatch } from './index-batch.ts';
import { keepCheckpoint } from './kept-checkpoints.ts';
import { IndexMonths } from './months.ts';
import { movePosition, readPosition, takePosition } from './position.ts';
import { readIndexable } from './read-indexable.ts';

export interface IndexerParts {
  readonly pool: Pool;
  readonly store: SegmentStore;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Events in one transaction at most. */
  readonly maxBatch?: number;
  /** What this process has just made part of the log. */
  readonly committed?: CommittedEvents | undefined;
  /** Told of each batch. */
  readonly onIndexed?: (indexed: Indexed) => void;
}

export interface Indexer {
  /** Ends after the batch in hand. */
  stop(): Promise<void>;
}

const DEFAULT_MAX_BATCH = 2_000;
/** Pause when everything that is published is indexed. Half of it is added to how long an event takes to be found. */
const MIN_IDLE_MS = 50;
const MAX_IDLE_MS = 400;
const BACK_OFF_MS = 1_000;

/**
 * Indexes the next batch of what is published. Any number of processes may: the position's row lets one of them.
 * Returns the number of events; 0 where there is nothing to do, or another is at it.
 */
export async function indexNext(parts: IndexerParts, months: IndexMonths): Promise<number> {
  const { pool, maxBatch = DEFAULT_MAX_BATCH } = parts;
  const published = await readPublication(pool);
  const before = await readPosition(pool);
  if (published === null || before.size >= published.size) return 0;
  const events = await nextEvents(parts, before.size, Math.min(before.size + maxBatch, published.size));
  const end = before.size + events.length;
  await months.make(events.map(({ facts }) => facts));
  const indexed = await transaction(pool, async (tx) => {
    const taken = await takePosition(tx);
    if (taken?.size !== before.size) return null;
    const batch = await indexBatch(tx, before.size, events);
    const checkpoint = end === published.size ? published.checkpoint : null;
    await movePosition(tx, { size: end, checkpoint });
    if (checkpoint !== null) await keepCheckpoint(tx, { size: end, checkpoint }, parts.now());
    return batch;
  });
  if (indexed !== null) parts.onIndexed?.(indexed);
  return indexed?.events ?? 0;
}

/** From what is in memory, or up to there from the log. */
async function nextEvents(parts: IndexerParts, first: number, end: number): Promise<IndexableEvent[]> {
  const { committed } = parts;
  return committed?.from(first, end) ?? readIndexable(parts, first, committed?.firstBefore(end) ?? end);
}

/** Indexes what is published, as it is published, until it is stopped. */
export function startIndexer(parts: IndexerParts & { readonly logger: Logger }): Indexer {
  const stopping = new AbortController();
  const months = new IndexMonths(parts.pool);
  let idleMs = MIN_IDLE_MS;

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        if ((await indexNext(parts, months)) > 0) {
          idleMs = MIN_IDLE_MS;
        } else {
          await sleep(idleMs, undefined, { signal: stopping.signal });
          idleMs = Math.min(idleMs * 2, MAX_IDLE_MS);
        }
      } catch (error) {
        if (stopping.signal.aborted) return;
        parts.logger.error({ err: error }, 'the search index does not move on; will try again');
        await sleep(BACK_OFF_MS, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
  }

  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
