import { createHash } from 'node:crypto';
import type { Pool } from '@tollgate/database';
import {
  CHECKPOINT_PATH,
  leafHash,
  openCheckpoint,
  proveConsistency,
  readEntry,
  readVerifier,
  rootAt,
  verifyConsistency,
} from '@tollgate/transparency-log';
import type { LogSigners } from '../tree/log-signers.ts';
import { readPublication } from '../tree/publication.ts';
import type { TileStore } from '../tree/tile-store.ts';

/** Keeps every checkpoint it has seen, and throws where one is no ancestor of a later one. */
export class TreeWitness {
  readonly #signers: LogSigners;
  readonly #tiles: TileStore;
  readonly #seen = new Map<bigint, Uint8Array>();

  constructor(signers: LogSigners, tiles: TileStore) {
    this.#signers = signers;
    this.#tiles = tiles;
  }

  /**
   * @param leaves the leaf hashes of the index
   * @param committed the root of the database; null where it has none yet
   * @param seen checkpoints that were read before the leaves, the later one first, for the proofs
   */
  async assertOneHistory(
    leaves: readonly Buffer[],
    committed: Buffer | null,
    seen: readonly string[],
  ): Promise<void> {
    if (committed !== null && !committed.equals(treeHash(leaves)))
      throw new Error('the committed root differs');
    for (const note of seen) await this.#see(note, leaves);
  }

  /** The checkpoints that are published and exposed just now, the later one first. */
  async published(pool: Pool): Promise<string[]> {
    const exposed = await this.#tiles.read(CHECKPOINT_PATH);
    const newest = await readPublication(pool);
    const notes = [newest?.checkpoint, exposed && Buffer.from(exposed).toString()];
    return notes.filter((note) => note !== undefined);
  }

  async #see(note: string, leaves: readonly Buffer[]): Promise<void> {
    const { origin, verifierKeys } = this.#signers;
    const { checkpoint } = openCheckpoint(note, { origin, logKeys: verifierKeys.map(readVerifier) });
    const { size, root } = checkpoint;
    if (Number(size) > leaves.length)
      throw new Error(`${size} entries are published, ${leaves.length} committed`);
    const expected = treeHash(leaves.slice(0, Number(size)));
    if (!expected.equals(root) || !expected.equals(await rootAt(this.#tiles, size))) {
      throw new Error(`the published root of ${size} entries is not that of the index, or of the tiles`);
    }
    if (!this.#seen.has(size)) await this.#readEntries(size, leaves);
    for (const [earlier, earlierRoot] of this.#seen) {
      const [small, large] = earlier < size ? [earlier, size] : [size, earlier];
      const [smallRoot, largeRoot] = earlier < size ? [earlierRoot, root] : [root, earlierRoot];
      const proof = await proveConsistency(this.#tiles, small, large);
      if (!verifyConsistency(small, large, proof, smallRoot, largeRoot)) {
        throw new Error(`the checkpoint of ${small} entries is no ancestor of that of ${large}`);
      }
    }
    this.#seen.set(size, root);
  }

  async #readEntries(size: bigint, leaves: readonly Buffer[]): Promise<void> {
    // One of each bundle, and the last.
    for (let index = 0n; index < size; index += 100n) await this.#readEntry(index, size, leaves);
    if (size > 0n) await this.#readEntry(size - 1n, size, leaves);
  }

  async #readEntry(index: bigint, size: bigint, leaves: readonly Buffer[]): Promise<void> {
    const entry = await readEntry(this.#tiles, index, size);
    if (leaves[Number(index)]?.equals(leafHash(entry)) !== true) throw new Error(`entry ${index} differs`);
  }
}

/** RFC 6962, 2.1, as it is written there; shares nothing with the writer. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return createHash('sha256').digest();
  if (leaves.length === 1) return only;
  const half = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return createHash('sha256')
    .update(Buffer.of(1))
    .update(treeHash(leaves.slice(0, half)))
    .update(treeHash(leaves.slice(half)))
    .digest();
}
