import { TransparencyLogError } from '../errors.ts';
import { HASH_BYTES, mergeAt } from '../merkle/hash.ts';
import { nodesOfRange } from '../merkle/node.ts';
import { requireSize } from '../merkle/size.ts';
import { foldFromRight } from '../merkle/tree-hash.ts';
import { bytesAsBuffer } from '../text/base64.ts';
import { edgeTiles, hashesAtLevel, TILE_BYTES, TILE_HEIGHT, type TileId } from './tile.ts';

/** The most perfect subtrees that one tree is made of. */
const MAX_FRONTIER = 64;

/**
 * All of a tree that its growth depends on: at most 64 hashes and a partial tile a level. A value: growing makes
 * another and leaves this one as it is, so that a step that failed to be written can be taken again.
 */
export interface TreeEdge {
  readonly size: bigint;
  /** The hashes of the perfect subtrees that the tree is made of, the largest first, one after the other. */
  readonly frontier: Uint8Array;
  /** The hashes in the last, partial tile of each level, from level 0; no bytes where that level has none. */
  readonly tiles: readonly Uint8Array[];
}

/** A tile and its hashes, one after the other. */
export interface WrittenTile {
  readonly tile: TileId;
  readonly bytes: Uint8Array;
}

/** The tree without leaves. */
export const emptyEdge: TreeEdge = { size: 0n, frontier: new Uint8Array(0), tiles: [] };

/** The root of the tree: the hashes of its subtrees, folded from the right. */
export function rootOf(edge: TreeEdge): Uint8Array {
  return foldFromRight(edge.frontier);
}

/**
 * The tree with more leaves, and the tiles that are to be written for it: those of `tilesOfGrowth`, in the order in which
 * they are completed. `leaves` are leaf hashes one after the other, as `leafHashes` gives them. Costs one node hash a leaf.
 * Throws `bad-hash`, `bad-size`, and `edge-mismatch` for an edge that is no tree's.
 */
export function growTree(edge: TreeEdge, leaves: Uint8Array): { edge: TreeEdge; written: WrittenTile[] } {
  const count = leaves.length / HASH_BYTES;
  if (!Number.isInteger(count)) {
    throw new TransparencyLogError(
      'bad-hash',
      `leaf hashes have ${HASH_BYTES} bytes each; got ${leaves.length} bytes`,
    );
  }
  assertEdge(edge);
  const size = edge.size + BigInt(count);
  requireSize(size);
  if (count === 0) {
    return { edge, written: [] };
  }
  const source = bytesAsBuffer(leaves);
  const subtrees = nodesOfRange({ start: 0n, end: edge.size }).map(({ level }) => level);
  const stack = Buffer.allocUnsafe((MAX_FRONTIER + 2) * HASH_BYTES);
  stack.set(edge.frontier);
  const rows: Row[] = [];
  const written: WrittenTile[] = [];

  /** Adds the hash on top of the stack to the last tile of a level, which is written once it is full. */
  function appendToRow(level: number): void {
    const row = rows[level] ?? openRow(edge, level);
    rows[level] = row;
    const top = (subtrees.length - 1) * HASH_BYTES;
    stack.copy(row.bytes, row.used, top, top + HASH_BYTES);
    row.used += HASH_BYTES;
    if (row.used === TILE_BYTES) {
      written.push({ tile: { level, index: row.index, width: TILE_BYTES / HASH_BYTES }, bytes: row.bytes });
      row.index += 1n;
      row.bytes = Buffer.allocUnsafeSlow(TILE_BYTES);
      row.used = 0;
    }
  }

  for (let offset = 0; offset < source.length; offset += HASH_BYTES) {
    source.copy(stack, subtrees.length * HASH_BYTES, offset, offset + HASH_BYTES);
    subtrees.push(0);
    appendToRow(0);
    // Two neighbouring subtrees of the same height become one.
    for (let top = subtrees.length - 1; top > 0 && subtrees[top] === subtrees[top - 1]; top -= 1) {
      const level = (subtrees[top] ?? 0) + 1;
      mergeAt(stack, (top - 1) * HASH_BYTES);
      subtrees.length = top;
      subtrees[top - 1] = level;
      if (level % TILE_HEIGHT === 0) {
        appendToRow(level / TILE_HEIGHT);
      }
    }
  }

  rows.forEach((row, level) => {
    if (row.used > 0) {
      const bytes = row.bytes.subarray(0, row.used);
      written.push({ tile: { level, index: row.index, width: row.used / HASH_BYTES }, bytes });
    }
  });
  const grown: TreeEdge = {
    size,
    frontier: Buffer.from(stack.subarray(0, subtrees.length * HASH_BYTES)),
    tiles: Array.from({ length: Math.max(rows.length, edge.tiles.length) }, (_, level) => {
      const row = rows[level];
      return row === undefined ? (edge.tiles[level] ?? new Uint8Array(0)) : row.bytes.subarray(0, row.used);
    }),
  };
  assertEdge(grown);
  return { edge: grown, written };
}

/** The last tile of a level while it is being filled. */
interface Row {
  index: bigint;
  bytes: Buffer;
  used: number;
}

function openRow(edge: TreeEdge, level: number): Row {
  const begun = edge.tiles[level] ?? new Uint8Array(0);
  const bytes = Buffer.allocUnsafeSlow(TILE_BYTES);
  bytes.set(begun);
  return { index: hashesAtLevel(level + 1, edge.size), bytes, used: begun.length };
}

/** Throws `edge-mismatch` unless the edge has exactly the hashes that a tree of its size has at its edge. */
export function assertEdge({ size, frontier, tiles }: TreeEdge): void {
  const partial = edgeTiles(size);
  const widths = new Map(partial.map((tile) => [tile.level, tile.width]));
  const fits =
    frontier.length === nodesOfRange({ start: 0n, end: size }).length * HASH_BYTES &&
    partial.every(({ level }) => level < tiles.length) &&
    tiles.every((bytes, level) => bytes.length === (widths.get(level) ?? 0) * HASH_BYTES);
  if (!fits) {
    throw new TransparencyLogError(
      'edge-mismatch',
      `these hashes are not at the edge of a tree of ${size} leaves`,
    );
  }
}
