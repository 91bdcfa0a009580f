import { createHash, randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  emptyEdge,
  growTree,
  type LogReader,
  proveConsistency,
  proveInclusion,
  rootAt,
  tilePath,
  verifyConsistency,
  verifyInclusion,
} from '@tollgate/transparency-log';

const LEAVES_AT_ONCE = 65_536;
const HASH_BYTES = 32;
const PROOFS = 300;

/** Milliseconds that proofs take, at the median and in the worst of a hundred. */
export interface Proofs {
  readonly leaves: number;
  readonly inclusion_p50_ms: number;
  readonly inclusion_p99_ms: number;
  readonly consistency_p50_ms: number;
}

/** Proofs from the tiles of a large tree, in files as the service keeps them, made and judged. */
export async function measureProofs(folder: string, leaves: number): Promise<Proofs> {
  const leafAt = (index: number) => createHash('sha256').update(`leaf ${index}`).digest();
  let edge = emptyEdge;
  let madeFolder = '';
  for (let from = 0; from < leaves; from += LEAVES_AT_ONCE) {
    const count = Math.min(LEAVES_AT_ONCE, leaves - from);
    const hashes = Buffer.allocUnsafe(count * HASH_BYTES);
    for (let n = 0; n < count; n += 1) leafAt(from + n).copy(hashes, n * HASH_BYTES);
    const grown = growTree(edge, hashes);
    edge = grown.edge;
    for (const { tile, bytes } of grown.written) {
      const file = join(folder, tilePath(tile));
      if (dirname(file) !== madeFolder) {
        madeFolder = dirname(file);
        mkdirSync(madeFolder, { recursive: true });
      }
      writeFileSync(file, bytes);
    }
  }
  const files: LogReader = {
    read: (path) => readFile(join(folder, path)).catch(() => undefined),
  };
  const size = BigInt(leaves);
  const root = await rootAt(files, size);
  const inclusion: number[] = [];
  const consistency: number[] = [];
  for (let n = 0; n < PROOFS; n += 1) {
    const index = randomInt(leaves);
    const leaf = leafAt(index);
    let beganMs = performance.now();
    const proof = await proveInclusion(files, BigInt(index), size);
    if (!verifyInclusion(BigInt(index), size, leaf, proof, root))
      throw new Error(`leaf ${index} is not proven`);
    inclusion.push(performance.now() - beganMs);
    // A size that had a checkpoint of its own: its partial tiles are there.
    const earlier = BigInt(LEAVES_AT_ONCE * randomInt(1, Math.ceil(leaves / LEAVES_AT_ONCE)));
    const earlierRoot = await rootAt(files, earlier);
    beganMs = performance.now();
    const growth = await proveConsistency(files, earlier, size);
    if (!verifyConsistency(earlier, size, growth, earlierRoot, root))
      throw new Error(`${earlier} is no ancestor`);
    consistency.push(performance.now() - beganMs);
  }
  const at = (sorted: number[], share: number) =>
    Number((sorted.toSorted((a, b) => a - b)[Math.floor(sorted.length * share)] ?? 0).toFixed(2));
  return {
    leaves,
    inclusion_p50_ms: at(inclusion, 0.5),
    inclusion_p99_ms: at(inclusion, 0.99),
    consistency_p50_ms: at(consistency, 0.5),
  };
}
