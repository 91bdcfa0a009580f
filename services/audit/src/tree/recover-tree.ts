import type { Pool } from '@tollgate/database';
import {
  CHECKPOINT_PATH,
  emptyLog,
  growLog,
  type LogEdge,
  parseCheckpoint,
  parseNote,
  readEdge,
  rootOf,
  TransparencyLogError,
} from '@tollgate/transparency-log';
import type { SegmentStore } from '../archive/segment-store.ts';
import { AuditError } from '../errors.ts';
import { type LogState, noteRoot } from '../log/log-state.ts';
import { archivedEntries } from './archived-entries.ts';
import type { LogSigners } from './log-signers.ts';
import { exposeNewest, publish, readPublication } from './publication.ts';
import type { TileStore } from './tile-store.ts';
import { signed, type Witnesses } from './witnesses.ts';

export interface TreeParts {
  readonly pool: Pool;
  readonly store: SegmentStore;
  readonly tiles: TileStore;
  readonly signers: LogSigners;
  /** Whoever is asked to cosign what is published; nobody unless given. */
  readonly witnesses?: Witnesses | undefined;
}

/** Entries that are made anew, written and published in one step; whole tiles. */
const RECOVERED_AT_ONCE = 16_384;

/**
 * The edge of the tree over everything that is committed: from the tiles as far as a checkpoint was published, and from
 * there on made anew from index and archive, written, and published. So whatever an epoch left undone after its last
 * commit is done here, and a log that had no tree yet gets it; tiles that are gone are built again.
 *
 * @throws AuditError `log_rolled_back` where more was published than the state holds, `log_forked` or
 *   `log_inconsistent` where the tree is not the one that was published or committed
 */
export async function recoverTree(
  parts: TreeParts,
  state: LogState,
): Promise<{ readonly edge: LogEdge; readonly root: Buffer }> {
  const { pool, tiles, signers } = parts;
  const published = await readPublication(pool);
  const publishedSize = published?.size ?? 0;
  assertNotBeyond(Math.max(publishedSize, await exposedSize(tiles)), state.size);
  let edge = await publishedEdge(tiles, publishedSize);
  if (published !== null && Number(edge.tree.size) === published.size) assertRoot(edge, published.root);
  while (Number(edge.tree.size) < state.size) {
    const from = Number(edge.tree.size);
    // A stop at what was published, to compare.
    const limit = from < publishedSize ? publishedSize : state.size;
    const end = Math.min(from - (from % RECOVERED_AT_ONCE) + RECOVERED_AT_ONCE, limit);
    const grown = growLog(edge, await archivedEntries(parts, from, end));
    if (published?.size === end) assertRoot(grown.edge, published.root);
    if (end === state.size) assertCommitted(grown.edge, state);
    await tiles.write(grown.written);
    edge = grown.edge;
    if (end > publishedSize) await publish(pool, signers.sign(end, rootBytes(edge)));
    await tiles.discardPartials(grown.written);
  }
  assertCommitted(edge, state);
  const root = rootBytes(edge);
  if (state.root === null) await noteRoot(pool, { ...state, root });
  // Again where the keys have changed since.
  if (state.size > 0) await publish(pool, await signed(parts, state.size, root));
  await exposeNewest(pool, tiles);
  return { edge, root };
}

/** Where the published tiles end; the log without entries where they are gone. */
async function publishedEdge(tiles: TileStore, size: number): Promise<LogEdge> {
  try {
    return await readEdge(tiles, BigInt(size));
  } catch (error) {
    if (error instanceof TransparencyLogError && error.code === 'missing-resource') return emptyLog;
    throw error;
  }
}

/** What the checkpoint claims that lies beside the tiles: they may have survived a database that has not. */
async function exposedSize(tiles: TileStore): Promise<number> {
  const note = await tiles.read(CHECKPOINT_PATH);
  return note === undefined ? 0 : Number(parseCheckpoint(parseNote(note).text).size);
}

function assertNotBeyond(published: number, size: number): void {
  if (published <= size) return;
  throw new AuditError(
    'log_rolled_back',
    `a checkpoint of ${published} entries was published, and the database holds ${size}: restore a later backup of it, since to go on from here would give the log a second history`,
  );
}

function assertRoot(edge: LogEdge, root: Buffer): void {
  if (root.equals(rootOf(edge.tree))) return;
  throw new AuditError(
    'log_forked',
    `the tree of ${edge.tree.size} leaves is not the one that was published: tiles, index or archive were changed`,
  );
}

function assertCommitted(edge: LogEdge, state: LogState): void {
  if (state.root === null || state.root.equals(rootOf(edge.tree))) return;
  throw new AuditError(
    'log_inconsistent',
    `the tree of ${edge.tree.size} leaves is not the one that was committed: index or archive were changed`,
  );
}

/** The root as the database takes it. */
export function rootBytes(edge: LogEdge): Buffer {
  return Buffer.from(rootOf(edge.tree));
}
