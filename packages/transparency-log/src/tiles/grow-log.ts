import { leafHashes } from '../merkle/hash.ts';
import { growBundles } from './bundle.ts';
import { emptyEdge, growTree, type TreeEdge } from './grow-tree.ts';
import { entriesPath, tilePath } from './paths.ts';
import { TILE_WIDTH } from './tile.ts';

/** All of a log that its growth depends on: the tree's edge, and the entries of the last, partial bundle. */
export interface LogEdge {
  readonly tree: TreeEdge;
  /** The content of the last bundle; no bytes where the size is a multiple of 256. */
  readonly bundle: Uint8Array;
}

/** A file of the log that is to be written before a checkpoint names the new size. */
export interface WrittenResource {
  /** Under the log's prefix, such as `tile/0/x001/067`. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Whether it is a full tile or bundle, which is for ever; a partial one may go once the full one is there. */
  readonly full: boolean;
}

/** The log without entries. */
export const emptyLog: LogEdge = { tree: emptyEdge, bundle: new Uint8Array(0) };

/**
 * The log with more entries, and the files that are to be written for it: bundles first, then tiles. The same edge and
 * entries always give the same files, so that a step that was interrupted is simply taken again.
 * `leaves` are the entries' leaf hashes, one after the other. Throws `bad-entry` at an entry of more than 65,535 bytes.
 */
export function growLog(
  edge: LogEdge,
  entries: readonly Uint8Array[],
): { edge: LogEdge; written: WrittenResource[]; leaves: Uint8Array } {
  const leaves = leafHashes(entries);
  const bundles = growBundles(edge.bundle, edge.tree.size, entries);
  const { edge: tree, written: tiles } = growTree(edge.tree, leaves);
  const written = [
    ...bundles.map(({ index, width, bytes }) => ({
      path: entriesPath({ index, width }),
      bytes,
      full: width === TILE_WIDTH,
    })),
    ...tiles.map(({ tile, bytes }) => ({ path: tilePath(tile), bytes, full: tile.width === TILE_WIDTH })),
  ];
  const last = bundles.at(-1);
  const bundle =
    last === undefined ? edge.bundle : last.width === TILE_WIDTH ? new Uint8Array(0) : last.bytes;
  return { edge: { tree, bundle }, written, leaves };
}
