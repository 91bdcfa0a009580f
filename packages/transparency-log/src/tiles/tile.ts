import { HASH_BYTES } from '../merkle/hash.ts';
import type { NodeId } from '../merkle/node.ts';

/** How many levels of the Merkle tree a tile stands for, fixed by the specification. */
export const TILE_HEIGHT = 8;

/** How many hashes a full tile holds, and how many entries a full bundle. */
export const TILE_WIDTH = 1 << TILE_HEIGHT;

/** The bytes of a full tile: 8,192. */
export const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

/** The highest level that a path may name; a tree of 2^64 − 1 leaves has tiles up to level 7. */
export const MAX_TILE_LEVEL = 63;

/** A tile of the Merkle tree: `width` hashes, of 256 where it is full, each over 256^level leaves. */
export interface TileId {
  readonly level: number;
  readonly index: bigint;
  readonly width: number;
}

/** A bundle of `width` entries, of 256 where it is full; it holds the leaves of the level-0 tile of the same index. */
export interface BundleId {
  readonly index: bigint;
  readonly width: number;
}

/** How many hashes stand in the tiles of a level in a tree of `size` leaves: floor(size / 256^level). */
export function hashesAtLevel(level: number, size: bigint): bigint {
  return size >> BigInt(TILE_HEIGHT * level);
}

/** The tile of that level and index as a tree of `size` leaves has it, or undefined where it has none. */
export function tileOfTree(level: number, index: bigint, size: bigint): TileId | undefined {
  const left = hashesAtLevel(level, size) - index * BigInt(TILE_WIDTH);
  if (index < 0n || left <= 0n) {
    return undefined;
  }
  return { level, index, width: left < TILE_WIDTH ? Number(left) : TILE_WIDTH };
}

/** The bundle with the entry of that index as a tree of `size` leaves has it, or undefined where the tree ends before. */
export function bundleOfEntry(entry: bigint, size: bigint): BundleId | undefined {
  const tile = tileOfTree(0, entry >> BigInt(TILE_HEIGHT), size);
  return entry < size && tile !== undefined ? { index: tile.index, width: tile.width } : undefined;
}

/** The partial tiles along the right edge of a tree, by level; what the next leaves are written to. */
export function edgeTiles(size: bigint): TileId[] {
  const tiles: TileId[] = [];
  for (let level = 0; hashesAtLevel(level, size) > 0n; level += 1) {
    const index = hashesAtLevel(level + 1, size);
    const tile = tileOfTree(level, index, size);
    if (tile !== undefined) {
      tiles.push(tile);
    }
  }
  return tiles;
}

/** Where a node stands: its tile's level and index, and the hashes of that tile that it is over. */
export function placeOfNode({ level, index }: NodeId): {
  readonly tileLevel: number;
  readonly tileIndex: bigint;
  readonly first: number;
  readonly count: number;
} {
  const tileLevel = Math.floor(level / TILE_HEIGHT);
  const within = level % TILE_HEIGHT;
  const nodesAcross = BigInt(TILE_HEIGHT - within);
  const position = Number(index & ((1n << nodesAcross) - 1n));
  return { tileLevel, tileIndex: index >> nodesAcross, first: position << within, count: 1 << within };
}
