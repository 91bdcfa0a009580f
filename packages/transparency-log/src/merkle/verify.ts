import { HASH_BYTES, nodeHash, sameBytes } from './hash.ts';
import { MAX_TREE_SIZE } from './size.ts';

/** No proof in a tree of fewer than 2^64 leaves is longer: a path of 64 hashes, and one to start from. */
export const MAX_PROOF_HASHES = 65;

/**
 * Whether `proof` shows that the leaf hash stands at `index` in the tree of `size` leaves with that root: RFC 9162,
 * section 2.1.3.2. The proof runs from the leaf's sibling up. Malformed input of any kind is false, never thrown.
 *
 * The path of a leaf can be the same in trees of other sizes, so that only a signed size is a proven one.
 */
export function verifyInclusion(
  index: bigint,
  size: bigint,
  leafHash: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!areSizes(index, size) || index < 0n || index >= size || size > MAX_TREE_SIZE) {
    return false;
  }
  if (!isHash(leafHash) || !isHash(root) || !isProof(proof)) {
    return false;
  }
  let node = index;
  let last = size - 1n;
  let hash = leafHash;
  for (const sibling of proof) {
    if (last === 0n) {
      return false;
    }
    if (isOdd(node) || node === last) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(node) && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n && sameBytes(hash, root);
}

/**
 * Whether `proof` shows that the tree of `size1` leaves with `root1` is the beginning of the tree of `size2` leaves with
 * `root2`: RFC 9162, section 2.1.4.2. Equal sizes take an empty proof and equal roots. A proof from size 0 would say
 * nothing and is refused. Malformed input of any kind is false, never thrown.
 */
export function verifyConsistency(
  size1: bigint,
  size2: bigint,
  proof: readonly Uint8Array[],
  root1: Uint8Array,
  root2: Uint8Array,
): boolean {
  if (!areSizes(size1, size2) || size1 <= 0n || size1 > size2 || size2 > MAX_TREE_SIZE) {
    return false;
  }
  if (!isHash(root1) || !isHash(root2) || !isProof(proof)) {
    return false;
  }
  if (size1 === size2) {
    return proof.length === 0 && sameBytes(root1, root2);
  }
  // A first tree that is a perfect subtree of the second starts the path itself.
  const path = isPowerOfTwo(size1) ? [root1, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined || proof.length === 0 || path.length > MAX_PROOF_HASHES) {
    return false;
  }
  let node = size1 - 1n;
  let last = size2 - 1n;
  while (isOdd(node)) {
    node >>= 1n;
    last >>= 1n;
  }
  let hash1 = first;
  let hash2 = first;
  for (const sibling of rest) {
    if (last === 0n) {
      return false;
    }
    if (isOdd(node) || node === last) {
      hash1 = nodeHash(sibling, hash1);
      hash2 = nodeHash(sibling, hash2);
      while (!isOdd(node) && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash2 = nodeHash(hash2, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n && sameBytes(hash1, root1) && sameBytes(hash2, root2);
}

// What is judged comes from outside, from callers whom no compiler may have checked.

/** A number loses digits above 2^53, so that it is no size here, however small. */
function areSizes(...sizes: readonly unknown[]): boolean {
  return sizes.every((size) => typeof size === 'bigint');
}

function isProof(proof: unknown): boolean {
  return Array.isArray(proof) && proof.length <= MAX_PROOF_HASHES && proof.every(isHash);
}

function isHash(hash: unknown): boolean {
  return hash instanceof Uint8Array && hash.length === HASH_BYTES;
}

function isOdd(value: bigint): boolean {
  return (value & 1n) === 1n;
}

function isPowerOfTwo(value: bigint): boolean {
  return (value & (value - 1n)) === 0n;
}
