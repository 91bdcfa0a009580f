import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leafHash } from '../merkle/hash.ts';
import { verifyConsistency, verifyInclusion } from '../merkle/verify.ts';
import { golden } from '../testing/golden.ts';
import { goldenEntries, goldenEntry, logOfEverySize, MemoryLog } from '../testing/memory-log.ts';
import { RecursiveTree } from '../testing/recursive-tree.ts';
import { tilesOfGrowth } from './growth.ts';
import { tilePath } from './paths.ts';
import { proveConsistency, proveInclusion, readEntry, rootAt } from './prove.ts';

const LARGEST = 1_030;

describe('proofs from tiles', () => {
  const log = logOfEverySize(LARGEST);
  const tree = new RecursiveTree(goldenEntries(0, LARGEST));

  it('are the ones that Go makes', async () => {
    for (const { size, step, inclusion, consistency } of golden<
      { size: number; step: number; inclusion: string; consistency: string }[]
    >('trees.json')) {
      const [inclusions, consistencies] = [createHash('sha256'), createHash('sha256')];
      for (let index = 0; index < size; index += step) {
        for (const hash of await proveInclusion(log, BigInt(index), BigInt(size))) {
          inclusions.update(hash);
        }
        for (const hash of await proveConsistency(log, BigInt(index + 1), BigInt(size))) {
          consistencies.update(hash);
        }
      }
      expect({ size, inclusion: inclusions.digest('hex'), consistency: consistencies.digest('hex') }).toEqual(
        {
          size,
          inclusion,
          consistency,
        },
      );
    }
  });

  it('are those of the recursive definition and verify, at every size up to 1,000', async () => {
    for (let size = 1; size <= 1_000; size += 1) {
      const index = (size * size * 31 + 7_919) % size;
      const inclusion = await proveInclusion(log, BigInt(index), BigInt(size));
      const consistency = await proveConsistency(log, BigInt(index + 1), BigInt(size));
      const root = tree.root(0, size);
      expect(await rootAt(log, BigInt(size))).toEqual(root);
      expect(inclusion).toEqual(tree.path(index, 0, size));
      expect(consistency).toEqual(tree.proof(index + 1, size));
      expect(verifyInclusion(BigInt(index), BigInt(size), tree.leaf(index), inclusion, root)).toBe(true);
      const root1 = tree.root(0, index + 1);
      expect(verifyConsistency(BigInt(index + 1), BigInt(size), consistency, root1, root)).toBe(true);
    }
  });

  it('verify in a log of three levels, with no more files than were published', async () => {
    const size = 70_003;
    const large = new MemoryLog();
    large.append(goldenEntries(0, 65_500));
    large.append(goldenEntries(65_500, size));
    const root = await rootAt(large, BigInt(size));
    const first = await rootAt(large, 65_500n);
    const consistency = await proveConsistency(large, 65_500n, BigInt(size));
    expect(verifyConsistency(65_500n, BigInt(size), consistency, first, root)).toBe(true);
    await fc.assert(
      fc.asyncProperty(fc.nat(size - 1), async (index) => {
        const proof = await proveInclusion(large, BigInt(index), BigInt(size));
        const entry = await readEntry(large, BigInt(index), BigInt(size));
        expect(Buffer.from(entry)).toEqual(goldenEntry(index));
        expect(verifyInclusion(BigInt(index), BigInt(size), leafHash(entry), proof, root)).toBe(true);
      }),
    );
  });

  it('read each tile once, and few of them', async () => {
    const before = log.reads;
    await proveInclusion(log, 700n, 1_030n);
    expect(log.reads - before).toBeLessThanOrEqual(3);
  });

  it('come from the full tile where the partial one was deleted', async () => {
    const tidied = new MemoryLog();
    tidied.append(goldenEntries(0, 100));
    tidied.append(goldenEntries(100, 300));
    const [partial] = [...tilesOfGrowth(0n, 100n)].map(tilePath);
    expect(tidied.files.delete(partial ?? '')).toBe(true);
    expect(await proveInclusion(tidied, 7n, 100n)).toEqual(tree.path(7, 0, 100));
    tidied.files.delete('tile/entries/000.p/100');
    expect(Buffer.from(await readEntry(tidied, 99n, 100n))).toEqual(goldenEntry(99));
  });

  it('are refused outside the tree, and say which file is missing or damaged', async () => {
    const damaged = new MemoryLog();
    damaged.append(goldenEntries(0, 300));
    for (const [index, size] of [
      [300n, 300n],
      [-1n, 300n],
      [0n, 0n],
      [0n, 2n ** 64n],
    ] as const) {
      await expect(proveInclusion(damaged, index, size)).rejects.toMatchObject({ code: 'bad-size' });
      await expect(readEntry(damaged, index, size)).rejects.toMatchObject({ code: 'bad-size' });
    }
    for (const [size1, size2] of [
      [0n, 300n],
      [2n, 1n],
      [1n, 2n ** 64n],
    ] as const) {
      await expect(proveConsistency(damaged, size1, size2)).rejects.toMatchObject({ code: 'bad-size' });
    }
    await expect(proveInclusion(damaged, 0n, 2n ** 64n - 1n)).rejects.toMatchObject({
      code: 'missing-resource',
    });
    damaged.files.set('tile/0/000', new Uint8Array(8_191));
    await expect(proveInclusion(damaged, 0n, 300n)).rejects.toMatchObject({ code: 'bad-tile' });
    damaged.files.delete('tile/0/000');
    await expect(proveInclusion(damaged, 0n, 300n)).rejects.toThrow(/tile\/0\/000 is not there/);
    damaged.files.set('tile/entries/000', new Uint8Array(8_191));
    await expect(readEntry(damaged, 0n, 300n)).rejects.toMatchObject({ code: 'bad-bundle' });
  });
});
