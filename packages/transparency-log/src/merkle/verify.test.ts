import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64, golden, hex } from '../testing/golden.ts';
import { goldenEntries } from '../testing/memory-log.ts';
import { RecursiveTree } from '../testing/recursive-tree.ts';
import { emptyRoot, leafHash } from './hash.ts';
import { inclusionRanges } from './proof-ranges.ts';
import { MAX_TREE_SIZE } from './size.ts';
import { treeHash } from './tree-hash.ts';
import { verifyConsistency, verifyInclusion } from './verify.ts';

/** The tree that implementations of Certificate Transparency have been tested with from the first. */
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((leaf) => leafHash(hex(leaf)));

const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
].map(hex);

const A = '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7';
const B = '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e';
const C = '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4';
const D = 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b';
const E = 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0';
const F = 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7';
const G = '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a';
const H = 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125';
const I = '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d';

const NOTHING = new Uint8Array(0);
const rootOfSize = (size: number) => ROOTS[size - 1] ?? NOTHING;
const leafAt = (index: number) => LEAVES[index] ?? NOTHING;

interface Probe {
  kind: 'inclusion' | 'consistency';
  a: string;
  b: string;
  hash: string;
  proof: string[];
  root: string;
  valid: boolean;
}

describe('the tree of RFC 6962', () => {
  it('has the published roots at every size of the Certificate Transparency test tree', () => {
    expect(treeHash([])).toEqual(emptyRoot());
    expect(Buffer.from(emptyRoot()).toString('base64')).toBe('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=');
    for (let size = 1; size <= LEAVES.length; size += 1) {
      expect(treeHash(LEAVES.slice(0, size))).toEqual(rootOfSize(size));
    }
  });

  it.each([
    [0, 8, [A, B, C]],
    [5, 8, [D, E, F]],
    [2, 3, [H]],
    [1, 5, [I, B, D]],
    [0, 1, []],
  ])('accepts the published inclusion proof of leaf %i in the tree of %i', (index, size, proof) => {
    const path = proof.map(hex);
    expect(verifyInclusion(BigInt(index), BigInt(size), leafAt(index), path, rootOfSize(size))).toBe(true);
  });

  it.each([
    [1, 1, []],
    [1, 8, [A, B, C]],
    [6, 8, [G, E, F]],
    [2, 5, [B, D]],
  ])('accepts the published consistency proof from %i to %i', (size1, size2, proof) => {
    const path = proof.map(hex);
    const [root1, root2] = [rootOfSize(size1), rootOfSize(size2)];
    expect(verifyConsistency(BigInt(size1), BigInt(size2), path, root1, root2)).toBe(true);
  });

  it('hashes a leaf of any length as a leaf and not as a node', () => {
    const tree = new RecursiveTree([new Uint8Array(65_535), new Uint8Array(65_536), new Uint8Array(200_000)]);
    expect(leafHash(new Uint8Array(65_535))).toEqual(tree.leaf(0));
    expect(leafHash(new Uint8Array(65_536))).toEqual(tree.leaf(1));
    expect(leafHash(new Uint8Array(200_000))).toEqual(tree.leaf(2));
  });
});

describe('verification', () => {
  /** As callers do whom no compiler checks. */
  const judge = (verify: (...given: never[]) => boolean, given: unknown[]): unknown =>
    Reflect.apply(verify, undefined, given);
  const [leaf, sibling] = [leafAt(0), leafAt(1)];
  const root = rootOfSize(2);
  const inclusion = [0n, 2n, leaf, [sibling], root] as const;
  const consistency = [1n, 2n, [sibling], leaf, root] as const;
  const wrong: readonly [string, unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['a number', 1],
    ['a text', '1'],
    ['a text of 32 characters', 'x'.repeat(32)],
    ['a list of bytes', [...leaf]],
    ['bytes without end', leaf.subarray(0, 31)],
    ['33 bytes', Uint8Array.of(...leaf, 0)],
    ['no bytes', NOTHING],
    ['wider elements', new Uint16Array(32)],
    ['a list of nothing', [null]],
    ['a list of texts', ['x'.repeat(32)]],
  ];

  it.each(wrong)('is false, and does not throw, where an argument is %s', (_what, value) => {
    expect(judge(verifyInclusion, [...inclusion])).toBe(true);
    expect(judge(verifyConsistency, [...consistency])).toBe(true);
    for (let at = 0; at < 5; at += 1) {
      expect(judge(verifyInclusion, inclusion.toSpliced(at, 1, value as never))).toBe(false);
      expect(judge(verifyConsistency, consistency.toSpliced(at, 1, value as never))).toBe(false);
    }
  });

  it('takes roots of 32 bytes alone, also of trees of the same size', () => {
    const short = root.subarray(0, 5);
    expect(verifyConsistency(2n, 2n, [], root, root)).toBe(true);
    expect(verifyConsistency(2n, 2n, [], short, short)).toBe(false);
    expect(verifyConsistency(2n, 2n, [], NOTHING, NOTHING)).toBe(false);
  });

  const tree = new RecursiveTree(goldenEntries(0, 600));

  it('says of spoilt and sound proofs what two implementations in Go say', () => {
    const probes = golden<Probe[]>('probes.json');
    expect(probes.some(({ valid }) => valid) && probes.some(({ valid }) => !valid)).toBe(true);
    for (const { kind, a, b, hash, proof, root, valid } of probes) {
      const path = proof.map(base64);
      const verdict =
        kind === 'inclusion'
          ? verifyInclusion(BigInt(a), BigInt(b), base64(hash), path, base64(root))
          : verifyConsistency(BigInt(a), BigInt(b), path, base64(hash), base64(root));
      expect({ kind, a, b, verdict }).toEqual({ kind, a, b, verdict: valid });
    }
  });

  it('accepts every consistency proof between two sizes up to 70, and none with roots of other sizes', () => {
    for (let size2 = 1; size2 <= 70; size2 += 1) {
      for (let size1 = 1; size1 <= size2; size1 += 1) {
        const proof = tree.proof(size1, size2);
        const [root1, root2] = [tree.root(0, size1), tree.root(0, size2)];
        const verify = (a: Uint8Array, b: Uint8Array) =>
          verifyConsistency(BigInt(size1), BigInt(size2), proof, a, b);
        expect(verify(root1, root2)).toBe(true);
        expect(verify(tree.root(0, size1 + 1), root2)).toBe(false);
        expect(verify(root1, tree.root(0, size2 + 1))).toBe(false);
      }
    }
  });

  it('refuses an inclusion proof after any one bit of leaf, proof, root or index is flipped', () => {
    fc.assert(
      fc.property(treePosition(600), fc.nat(), fc.nat(255), ({ size, index }, which, bit) => {
        const parts = [tree.leaf(index), tree.root(0, size), ...tree.path(index, 0, size)];
        const verify = ([leaf, root, ...proof]: Uint8Array[], at: bigint) =>
          verifyInclusion(at, BigInt(size), leaf ?? NOTHING, proof, root ?? NOTHING);
        expect(verify(parts, BigInt(index))).toBe(true);
        expect(verify(flipped(parts, which, bit), BigInt(index))).toBe(false);
        expect(verify(parts, BigInt(index) ^ (1n << BigInt(bit % 64)))).toBe(false);
      }),
    );
  });

  it('refuses a consistency proof after any one bit of a root or the proof is flipped', () => {
    fc.assert(
      fc.property(treePosition(600), fc.nat(), fc.nat(255), ({ size, index }, which, bit) => {
        const size1 = index + 1;
        const parts = [tree.root(0, size1), tree.root(0, size), ...tree.proof(size1, size)];
        const verify = ([root1, root2, ...proof]: Uint8Array[]) =>
          verifyConsistency(BigInt(size1), BigInt(size), proof, root1 ?? NOTHING, root2 ?? NOTHING);
        expect(verify(parts)).toBe(true);
        expect(verify(flipped(parts, which, bit))).toBe(false);
      }),
    );
  });

  it('refuses an inclusion proof at another size unless the path of the leaf is the same there', () => {
    const turns = (index: bigint, size: bigint) =>
      inclusionRanges(index, size).map(({ start }) => (start > index ? 'right' : 'left'));
    fc.assert(
      fc.property(treePosition(600), fc.bigInt({ min: 0n, max: 1200n }), ({ size, index }, other) => {
        const proof = tree.path(index, 0, size);
        const same =
          other > BigInt(index) &&
          turns(BigInt(index), other).join() === turns(BigInt(index), BigInt(size)).join();
        expect(verifyInclusion(BigInt(index), other, tree.leaf(index), proof, tree.root(0, size))).toBe(same);
      }),
    );
  });

  it('refuses proofs with a hash more, a hash less, or hashes of another length', () => {
    fc.assert(
      fc.property(treePosition(600), fc.nat(), ({ size, index }, which) => {
        const verify = (proof: Uint8Array[]) =>
          verifyInclusion(BigInt(index), BigInt(size), tree.leaf(index), proof, tree.root(0, size));
        const proof = tree.path(index, 0, size);
        const at = which % (proof.length + 1);
        expect(verify(proof.toSpliced(at, 0, tree.root(0, size)))).toBe(false);
        if (at < proof.length) {
          const hash = proof[at] ?? NOTHING;
          expect(verify(proof.toSpliced(at, 1))).toBe(false);
          expect(verify(proof.with(at, hash.subarray(0, 31)))).toBe(false);
          expect(verify(proof.with(at, Buffer.concat([hash, Buffer.alloc(1)])))).toBe(false);
        }
      }),
    );
  });

  it('takes indexes and sizes up to 2^64 - 1 and no further', () => {
    // The path of the last leaf of the largest tree: 63 hashes, all of them to its left.
    const index = MAX_TREE_SIZE - 1n;
    const path = inclusionRanges(index, MAX_TREE_SIZE).map(() => leafAt(0));
    expect(path).toHaveLength(63);
    let root = leafAt(1);
    for (const sibling of path) {
      root = treeHash([sibling, root]);
    }
    expect(verifyInclusion(index, MAX_TREE_SIZE, leafAt(1), path, root)).toBe(true);
    expect(verifyInclusion(index, MAX_TREE_SIZE + 1n, leafAt(1), path, root)).toBe(false);
    expect(verifyInclusion(MAX_TREE_SIZE, MAX_TREE_SIZE, leafAt(1), path, root)).toBe(false);
    // A sound proof of the first leaf of a tree of 2^64, which no checkpoint can name.
    const siblings = Array.from({ length: 64 }, () => leafAt(1));
    const beyond = siblings.reduce((hash, sibling) => treeHash([hash, sibling]), leafAt(0));
    expect(verifyInclusion(0n, MAX_TREE_SIZE, leafAt(0), siblings, beyond)).toBe(true);
    expect(verifyInclusion(0n, MAX_TREE_SIZE + 1n, leafAt(0), siblings, beyond)).toBe(false);
    expect(verifyInclusion(-1n, 1n, leafAt(0), [], leafAt(0))).toBe(false);
    expect(verifyInclusion(0n, 0n, leafAt(0), [], emptyRoot())).toBe(false);
    expect(verifyConsistency(1n, MAX_TREE_SIZE + 1n, path, root, root)).toBe(false);
  });

  it('refuses every consistency proof from size 0, to a smaller size, and an empty one between two sizes', () => {
    const root = rootOfSize(1);
    expect(verifyConsistency(0n, 0n, [], emptyRoot(), emptyRoot())).toBe(false);
    expect(verifyConsistency(0n, 1n, [], emptyRoot(), root)).toBe(false);
    expect(verifyConsistency(-1n, 1n, [], root, root)).toBe(false);
    expect(verifyConsistency(2n, 1n, [], root, root)).toBe(false);
    expect(verifyConsistency(1n, 2n, [], root, root)).toBe(false);
    expect(verifyConsistency(1n, 1n, [root], root, root)).toBe(false);
    expect(verifyConsistency(1n, 1n, [], root, rootOfSize(2))).toBe(false);
  });

  it('refuses a leaf hash of another length, also where there is nothing to hash it with', () => {
    for (const leaf of [NOTHING, leafAt(0).subarray(1), Buffer.concat([leafAt(0), leafAt(1)])]) {
      expect(verifyInclusion(0n, 1n, leaf, [], leaf)).toBe(false);
      expect(verifyInclusion(0n, 2n, leaf, [leafAt(1)], rootOfSize(2))).toBe(false);
    }
  });

  it('gives up on endless proofs before it hashes them', () => {
    const endless = Array.from({ length: 100_000 }, () => leafAt(0));
    expect(verifyInclusion(0n, MAX_TREE_SIZE, leafAt(0), endless, leafAt(0))).toBe(false);
    expect(verifyConsistency(1n, MAX_TREE_SIZE, endless, leafAt(0), leafAt(0))).toBe(false);
  });
});

/** A tree's size and an index in it. */
function treePosition(maxSize: number) {
  return fc
    .integer({ min: 1, max: maxSize })
    .chain((size) => fc.record({ size: fc.constant(size), index: fc.nat(size - 1) }));
}

function flipped(parts: readonly Uint8Array[], which: number, bit: number): Uint8Array[] {
  const at = which % parts.length;
  return parts.map((part, index) =>
    index === at
      ? part.map((byte, position) => (position === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      : part,
  );
}
