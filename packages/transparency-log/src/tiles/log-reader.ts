import { TransparencyLogError } from '../errors.ts';
import { HASH_BYTES } from '../merkle/hash.ts';
import { type LeafRange, nodesOfRange } from '../merkle/node.ts';
import { foldFromRight, packedTreeHash } from '../merkle/tree-hash.ts';
import { bytesAsBuffer } from '../text/base64.ts';
import { bundlePrefix, parseBundle } from './bundle.ts';
import { entriesPath, tilePath } from './paths.ts';
import { type BundleId, placeOfNode, TILE_BYTES, TILE_WIDTH, type TileId, tileOfTree } from './tile.ts';

/** Where a log's files are: a folder, a bucket, an HTTP prefix. */
export interface LogReader {
  /** The file at a path under the log's prefix, or undefined where there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
}

/**
 * A tile as it is stored, or the beginning of the full one where the partial one is gone.
 * Throws `missing-resource` where there is neither, `bad-tile` where its length is another than its width says.
 */
export async function readTile(reader: LogReader, tile: TileId): Promise<Uint8Array> {
  const path = tilePath(tile);
  const bytes = await reader.read(path);
  if (bytes !== undefined) {
    return requireTile(bytes, tile.width * HASH_BYTES, path);
  }
  const full = tilePath({ ...tile, width: TILE_WIDTH });
  const whole = full === path ? undefined : await reader.read(full);
  if (whole === undefined) {
    throw missing(path);
  }
  return requireTile(whole, TILE_BYTES, full).subarray(0, tile.width * HASH_BYTES);
}

/** The encoded entries of a bundle, with the same way out as `readTile`. Throws `missing-resource`, `bad-bundle`. */
export async function readBundle(reader: LogReader, bundle: BundleId): Promise<Uint8Array> {
  const path = entriesPath(bundle);
  const bytes = await reader.read(path);
  if (bytes !== undefined) {
    parseBundle(bytes, bundle.width);
    return bytes;
  }
  const full = entriesPath({ ...bundle, width: TILE_WIDTH });
  const whole = full === path ? undefined : await reader.read(full);
  if (whole === undefined) {
    throw missing(path);
  }
  parseBundle(whole, TILE_WIDTH);
  return bundlePrefix(whole, bundle.width);
}

/**
 * The hashes of ranges of a tree of `size` leaves, in their order, read from its tiles: each tile once, all at the same
 * time. A tile is at most 8 KiB and a proof needs at most two a level, so that no hostile size makes this large.
 */
export async function readRangeHashes(
  reader: LogReader,
  size: bigint,
  ranges: readonly LeafRange[],
): Promise<Uint8Array[]> {
  const wanted = new Map<string, TileId>();
  const places = ranges.map((range) =>
    nodesOfRange(range).map((node) => {
      const { tileLevel, tileIndex, first, count } = placeOfNode(node);
      const tile = tileOfTree(tileLevel, tileIndex, size);
      if (tile === undefined || first + count > tile.width) {
        throw new TransparencyLogError(
          'bad-size',
          `node ${node.level}/${node.index} is not in a tree of ${size} leaves`,
        );
      }
      const path = tilePath(tile);
      wanted.set(path, tile);
      return { path, first, count };
    }),
  );
  const read = await Promise.all(
    [...wanted].map(async ([path, tile]) => [path, await readTile(reader, tile)] as const),
  );
  const tiles = new Map(read);
  return places.map((nodes) =>
    foldFromRight(
      Buffer.concat(
        nodes.map(({ path, first, count }) => {
          const leaves = tiles.get(path)?.subarray(first * HASH_BYTES, (first + count) * HASH_BYTES);
          return packedTreeHash(Buffer.from(leaves ?? []));
        }),
      ),
    ),
  );
}

function requireTile(bytes: Uint8Array, length: number, path: string): Uint8Array {
  if (bytes.length !== length) {
    throw new TransparencyLogError('bad-tile', `${path} has ${bytes.length} bytes instead of ${length}`);
  }
  return bytesAsBuffer(bytes);
}

function missing(path: string): TransparencyLogError {
  return new TransparencyLogError(
    'missing-resource',
    `${path} is not there: the log is damaged or pruned, or the size asked for was never published`,
  );
}
