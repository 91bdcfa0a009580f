import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { leafHash } from './hash.ts';
import { alignedSubtrees, leavesOf, PrunedTree } from './pruned-tree.ts';
import { treeHash } from './tree-hash.ts';

const leaves = (size: number) => Array.from({ length: size }, (_, nth) => leafHash(Buffer.from(String(nth))));

/** The nodes of a tree in which only these leaves are shown. */
function pruned(hashes: readonly Uint8Array[], shown: ReadonlySet<number>) {
  const nodes: { level: number; index: bigint; hash: Uint8Array }[] = [];
  let from = 0;
  const close = (end: number) => {
    for (const node of alignedSubtrees({ start: BigInt(from), end: BigInt(end) })) {
      const range = leavesOf(node);
      nodes.push({ ...node, hash: treeHash(hashes.slice(Number(range.start), Number(range.end))) });
    }
    from = end;
  };
  hashes.forEach((hash, index) => {
    if (!shown.has(index)) return;
    close(index);
    nodes.push({ level: 0, index: BigInt(index), hash });
    from = index + 1;
  });
  close(hashes.length);
  return nodes;
}

const tree = fc.integer({ min: 1, max: 300 }).chain((size) =>
  fc.record({
    size: fc.constant(size),
    shown: fc.uniqueArray(fc.nat({ max: size - 1 }), { maxLength: 40 }),
  }),
);

describe('a pruned tree', () => {
  test('has the root of the whole tree, whatever leaves are shown', () => {
    fc.assert(
      fc.property(tree, ({ size, shown }) => {
        const hashes = leaves(size);
        const fold = new PrunedTree();
        for (const { hash, ...node } of pruned(hashes, new Set(shown))) fold.add(node, hash);
        expect(fold.size).toBe(BigInt(size));
        expect(Buffer.from(fold.root())).toEqual(Buffer.from(treeHash(hashes)));
      }),
    );
  });

  test('has another root, or none, with any of its nodes left out, twice, or changed', () => {
    fc.assert(
      fc.property(
        tree,
        fc.nat(),
        fc.constantFrom('left out', 'twice', 'changed'),
        ({ size, shown }, at, how) => {
          const hashes = leaves(size);
          const nodes = pruned(hashes, new Set(shown));
          const nth = at % nodes.length;
          const node = nodes[nth];
          if (node === undefined) throw new Error('no node');
          const changed = { ...node, hash: leafHash(node.hash) };
          const spoilt =
            how === 'left out'
              ? nodes.toSpliced(nth, 1)
              : nodes.toSpliced(nth, how === 'twice' ? 0 : 1, how === 'twice' ? node : changed);
          const fold = new PrunedTree();
          try {
            for (const { hash, ...each } of spoilt) fold.add(each, hash);
          } catch (error) {
            expect(error).toMatchObject({ code: 'bad-proof' });
            return;
          }
          const same = fold.size === BigInt(size) && Buffer.from(fold.root()).equals(treeHash(hashes));
          expect(same).toBe(false);
        },
      ),
    );
  });
});

test('subtrees cover a range exactly, and are as few as their places allow', () => {
  fc.assert(
    fc.property(fc.nat({ max: 5_000 }), fc.nat({ max: 5_000 }), (start, length) => {
      const nodes = alignedSubtrees({ start: BigInt(start), end: BigInt(start + length) });
      let next = BigInt(start);
      for (const node of nodes) {
        const range = leavesOf(node);
        expect(range.start).toBe(next);
        next = range.end;
      }
      expect(next).toBe(BigInt(start + length));
      expect(nodes.length).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(length + 2)));
    }),
  );
});
