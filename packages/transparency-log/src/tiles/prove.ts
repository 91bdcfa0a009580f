import { TransparencyLogError } from '../errors.ts';
import { nodesOfRange } from '../merkle/node.ts';
import { consistencyRanges, inclusionRanges } from '../merkle/proof-ranges.ts';
import { requireIndex, requireSize } from '../merkle/size.ts';
import { bytesAsBuffer } from '../text/base64.ts';
import { parseBundle } from './bundle.ts';
import type { LogEdge } from './grow-log.ts';
import { assertEdge } from './grow-tree.ts';
import { type LogReader, readBundle, readRangeHashes, readTile } from './log-reader.ts';
import { bundleOfEntry, edgeTiles, hashesAtLevel, TILE_WIDTH } from './tile.ts';

/**
 * The inclusion proof of an entry in the tree of `size` entries, from the log's tiles: what `verifyInclusion` takes.
 * Tiles are taken as they are stored; verify the proof against a signed root before handing it on.
 */
export async function proveInclusion(reader: LogReader, index: bigint, size: bigint): Promise<Uint8Array[]> {
  return readRangeHashes(reader, size, inclusionRanges(index, size));
}

/** The consistency proof between two sizes, from the log's tiles: what `verifyConsistency` takes. */
export async function proveConsistency(
  reader: LogReader,
  size1: bigint,
  size2: bigint,
): Promise<Uint8Array[]> {
  return readRangeHashes(reader, size2, consistencyRanges(size1, size2));
}

/** The root of the tree of the first `size` entries, from the log's tiles. */
export async function rootAt(reader: LogReader, size: bigint): Promise<Uint8Array> {
  requireSize(size);
  const [root] = await readRangeHashes(reader, size, [{ start: 0n, end: size }]);
  if (root === undefined) {
    throw new TransparencyLogError('bad-size', `no root at size ${size}`);
  }
  return root;
}

/** The entry at an index of the log of `size` entries, from its bundle. Throws `bad-size`, `missing-resource`, `bad-bundle`. */
export async function readEntry(reader: LogReader, index: bigint, size: bigint): Promise<Uint8Array> {
  requireIndex(index, size);
  const bundle = bundleOfEntry(index, size);
  const entries = bundle && parseBundle(await readBundle(reader, bundle), bundle.width);
  const entry = entries?.[Number(index % BigInt(TILE_WIDTH))];
  if (entry === undefined) {
    throw new TransparencyLogError('bad-size', `no entry ${index} in a log of ${size} entries`);
  }
  return entry;
}

/**
 * The edge of the log of `size` entries as it stands in its files: where a writer goes on after a restart. Compare
 * `rootOf(edge.tree)` with the root that was last signed before growing it.
 */
export async function readEdge(reader: LogReader, size: bigint): Promise<LogEdge> {
  requireSize(size);
  const subtrees = nodesOfRange({ start: 0n, end: size }).map(({ level, index }) => ({
    start: index << BigInt(level),
    end: (index + 1n) << BigInt(level),
  }));
  const lastBundle = size % BigInt(TILE_WIDTH) === 0n ? undefined : bundleOfEntry(size - 1n, size);
  const [frontier, tiles, bundle] = await Promise.all([
    readRangeHashes(reader, size, subtrees),
    Promise.all(edgeTiles(size).map(async (tile) => ({ tile, bytes: await readTile(reader, tile) }))),
    lastBundle && readBundle(reader, lastBundle),
  ]);
  const rows: Uint8Array[] = [];
  for (let level = 0; hashesAtLevel(level, size) > 0n; level += 1) {
    rows.push(tiles.find(({ tile }) => tile.level === level)?.bytes ?? new Uint8Array(0));
  }
  const tree = { size, frontier: Buffer.concat(frontier.map(bytesAsBuffer)), tiles: rows };
  assertEdge(tree);
  return { tree, bundle: bundle ?? new Uint8Array(0) };
}
