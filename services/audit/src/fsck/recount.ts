import { createHash } from 'node:crypto';

const HASHES_PER_TILE = 256;
const HASH_BYTES = 32;

/** A tile as it has to be. */
export interface ExpectedTile {
  readonly level: number;
  readonly index: number;
  /** One to 256 hashes. */
  readonly bytes: Buffer;
}

/**
 * The tree of RFC 6962 over leaves that come one by one, as a stack of whole subtrees, and the tiles of C2SP tlog-tiles
 * level by level. Written apart from the log's writer, on purpose: what both agree on is not the same mistake made twice.
 */
export class Recount {
  size = 0;
  /** Roots of whole subtrees, the largest first. */
  readonly #subtrees: { readonly leaves: number; readonly hash: Buffer }[] = [];
  readonly #levels: { done: number; hashes: Buffer[] }[] = [];

  /** Adds an entry; gives the tiles that it fills. */
  add(entry: Uint8Array): ExpectedTile[] {
    const leaf = sha256(Buffer.of(0), entry);
    this.size += 1;
    this.#subtrees.push({ leaves: 1, hash: leaf });
    for (;;) {
      const right = this.#subtrees.at(-1);
      const left = this.#subtrees.at(-2);
      if (left === undefined || right === undefined || left.leaves !== right.leaves) break;
      this.#subtrees.splice(-2, 2, { leaves: 2 * left.leaves, hash: parent(left.hash, right.hash) });
    }
    return this.#intoTiles(leaf);
  }

  /** The root of everything added so far. */
  root(): Buffer {
    const roots = this.#subtrees.map(({ hash }) => hash);
    return roots.length === 0 ? sha256() : roots.reduceRight((right, left) => parent(left, right));
  }

  /** The tiles that are not full. */
  unfilled(): ExpectedTile[] {
    return this.#levels.flatMap(({ done, hashes }, level) =>
      hashes.length === 0 ? [] : [{ level, index: done, bytes: Buffer.concat(hashes) }],
    );
  }

  #intoTiles(leaf: Buffer): ExpectedTile[] {
    const filled: ExpectedTile[] = [];
    let hash = leaf;
    for (let level = 0; ; level += 1) {
      this.#levels[level] ??= { done: 0, hashes: [] };
      const row = this.#levels[level];
      if (row === undefined) return filled;
      row.hashes.push(hash);
      if (row.hashes.length < HASHES_PER_TILE) return filled;
      filled.push({ level, index: row.done, bytes: Buffer.concat(row.hashes) });
      hash = rootOfFull(row.hashes);
      row.done += 1;
      row.hashes = [];
    }
  }
}

/** The hash that a full tile is worth one level up. */
function rootOfFull(hashes: readonly Buffer[]): Buffer {
  let row = hashes;
  while (row.length > 1) {
    const above: Buffer[] = [];
    for (let i = 0; i + 1 < row.length; i += 2) {
      above.push(parent(row[i] ?? Buffer.alloc(HASH_BYTES), row[i + 1] ?? Buffer.alloc(HASH_BYTES)));
    }
    row = above;
  }
  return row[0] ?? Buffer.alloc(HASH_BYTES);
}

function parent(left: Buffer, right: Buffer): Buffer {
  return sha256(Buffer.of(1), left, right);
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
