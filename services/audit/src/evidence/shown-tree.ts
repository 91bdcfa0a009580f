import type { Pool } from '@tollgate/database';
import type { Reach } from '@tollgate/http';
import { alignedSubtrees, type LogReader, leavesOf, readRangeHashes } from '@tollgate/transparency-log';
import { readPlaces } from '../archive/reader.ts';
import type { SegmentStore } from '../archive/segment-store.ts';
import { nextRows, placeOf } from '../exports/read-page.ts';
import type { EventFilter } from '../search/query.ts';
import type { TileStore } from '../tree/tile-store.ts';
import type { TreeLine } from './layout.ts';

/** Events that are read at once. */
const EVENTS_AT_ONCE = 500;
/** Tiles that are kept in memory: neighbours are asked for again and again. */
const MAX_TILES = 64;

/** The log's tree of `size` entries from left to right, with the events that fit shown and all else as hashes. */
export async function* shownTree(
  parts: { readonly pool: Pool; readonly store: SegmentStore; readonly tiles: TileStore },
  ask: { readonly filter: EventFilter; readonly reach: Reach; readonly size: number },
): AsyncGenerator<{ readonly line: TreeLine; readonly event: Buffer | null }> {
  const tiles = remembering(parts.tiles);
  let next = 0;
  for (;;) {
    const rows = await nextRows(parts.pool, { ...ask, limit: EVENTS_AT_ONCE }, next);
    const archived = await readPlaces(parts.store, rows.map(placeOf));
    for (const { leafIndex, salt, bytes } of archived) {
      yield* hidden(tiles, next, leafIndex, ask.size);
      yield {
        line: { leaf: leafIndex, salt: salt.toString('base64'), event: bytes.toString('base64') },
        event: bytes,
      };
      next = leafIndex + 1;
    }
    if (rows.length === 0) break;
  }
  yield* hidden(tiles, next, ask.size, ask.size);
}

async function* hidden(
  tiles: LogReader,
  start: number,
  end: number,
  size: number,
): AsyncGenerator<{ readonly line: TreeLine; readonly event: null }> {
  const nodes = alignedSubtrees({ start: BigInt(start), end: BigInt(end) });
  const hashes = await readRangeHashes(tiles, BigInt(size), nodes.map(leavesOf));
  for (const [nth, { level, index }] of nodes.entries()) {
    const hash = Buffer.from(hashes[nth] ?? []).toString('base64');
    yield { line: { level, index: Number(index), hash }, event: null };
  }
}

function remembering(tiles: TileStore): LogReader {
  const known = new Map<string, Promise<Uint8Array | undefined>>();
  return {
    read(path) {
      const bytes = known.get(path) ?? tiles.read(path);
      known.delete(path);
      known.set(path, bytes);
      const oldest = known.keys().next();
      if (known.size > MAX_TILES && oldest.done !== true) known.delete(oldest.value);
      return bytes;
    },
  };
}
