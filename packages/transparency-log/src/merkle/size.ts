import { TransparencyLogError } from '../errors.ts';

/** The largest tree: sizes and indexes are unsigned 64-bit numbers on the wire. */
export const MAX_TREE_SIZE = 2n ** 64n - 1n;

/** Throws `bad-size` unless 0 ≤ size ≤ 2^64 − 1. */
export function requireSize(size: bigint): void {
  if (size < 0n || size > MAX_TREE_SIZE) {
    throw new TransparencyLogError('bad-size', `a tree's size lies between 0 and 2^64 - 1; got ${size}`);
  }
}

/** Throws `bad-size` unless 0 ≤ index < size ≤ 2^64 − 1. */
export function requireIndex(index: bigint, size: bigint): void {
  requireSize(size);
  if (index < 0n || index >= size) {
    throw new TransparencyLogError('bad-size', `index ${index} is not in a tree of ${size} entries`);
  }
}

/** How many bits a non-negative number takes: 0 for 0, 64 for 2^64 − 1. */
export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}
