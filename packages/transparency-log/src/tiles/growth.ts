import { TransparencyLogError } from '../errors.ts';
import { requireSize } from '../merkle/size.ts';
import { type BundleId, hashesAtLevel, TILE_WIDTH, type TileId, tileOfTree } from './tile.ts';

/**
 * The tiles that are written when a tree grows from one size to another in one step, level by level and from left to
 * right: every tile that becomes full, and the partial ones of the new size that the old size didn't have. Partial tiles
 * of sizes in between are not among them, since no checkpoint names those sizes. Throws `bad-size` where the tree shrinks.
 */
export function* tilesOfGrowth(from: bigint, to: bigint): Generator<TileId> {
  requireGrowth(from, to);
  for (let level = 0; hashesAtLevel(level, to) > 0n; level += 1) {
    const before = hashesAtLevel(level, from);
    const after = hashesAtLevel(level, to);
    if (after === before) {
      return;
    }
    for (let index = before / BigInt(TILE_WIDTH); ; index += 1n) {
      const tile = tileOfTree(level, index, to);
      if (tile === undefined) {
        break;
      }
      yield tile;
    }
  }
}

/** The entry bundles that are written when a tree grows from one size to another in one step, by the same rule. */
export function* bundlesOfGrowth(from: bigint, to: bigint): Generator<BundleId> {
  for (const { level, index, width } of tilesOfGrowth(from, to)) {
    if (level > 0) {
      return;
    }
    yield { index, width };
  }
}

function requireGrowth(from: bigint, to: bigint): void {
  requireSize(from);
  requireSize(to);
  if (to < from) {
    throw new TransparencyLogError('bad-size', `a log never shrinks; asked to grow from ${from} to ${to}`);
  }
}
