import { emptyRoot, HASH_BYTES, mergeAt, requireHash } from './hash.ts';

/** The Merkle tree hash over leaf hashes in order (RFC 6962, section 2.1); the empty tree's is the hash of no bytes. */
export function treeHash(leaves: readonly Uint8Array[]): Uint8Array {
  const packed = Buffer.allocUnsafe(leaves.length * HASH_BYTES);
  leaves.forEach((leaf, index) => {
    requireHash(leaf);
    packed.set(leaf, index * HASH_BYTES);
  });
  return packedTreeHash(packed);
}

/** `treeHash` over leaf hashes that lie one after the other; overwrites them. */
export function packedTreeHash(hashes: Buffer): Uint8Array {
  let count = hashes.length / HASH_BYTES;
  if (count === 0) {
    return emptyRoot();
  }
  // Level by level: a node without a right neighbour rises as it is, which is what splitting at a power of two says.
  while (count > 1) {
    const pairs = Math.floor(count / 2);
    for (let pair = 0; pair < pairs; pair += 1) {
      const from = 2 * pair * HASH_BYTES;
      mergeAt(hashes, from);
      hashes.copy(hashes, pair * HASH_BYTES, from, from + HASH_BYTES);
    }
    if (count % 2 === 1) {
      hashes.copy(hashes, pairs * HASH_BYTES, (count - 1) * HASH_BYTES, count * HASH_BYTES);
    }
    count = Math.ceil(count / 2);
  }
  return Buffer.from(hashes.subarray(0, HASH_BYTES));
}

/** The hash over neighbouring subtrees, the largest first, folded from the right; none of them is the empty tree. */
export function foldFromRight(hashes: Uint8Array): Uint8Array {
  if (hashes.length === 0) {
    return emptyRoot();
  }
  const stack = Buffer.from(hashes);
  for (let offset = stack.length - 2 * HASH_BYTES; offset >= 0; offset -= HASH_BYTES) {
    mergeAt(stack, offset);
  }
  return Buffer.from(stack.subarray(0, HASH_BYTES));
}
