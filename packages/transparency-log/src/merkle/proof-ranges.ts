import { TransparencyLogError } from '../errors.ts';
import { type LeafRange, splitPoint } from './node.ts';
import { requireIndex, requireSize } from './size.ts';

/**
 * The ranges whose hashes are the inclusion proof of the leaf, from its sibling up: RFC 6962, section 2.1.1, read from
 * the root down. Throws `bad-size` where the index lies outside the tree.
 */
export function inclusionRanges(index: bigint, size: bigint): LeafRange[] {
  requireIndex(index, size);
  const ranges: LeafRange[] = [];
  let start = 0n;
  let end = size;
  while (end - start > 1n) {
    const middle = start + splitPoint(end - start);
    if (index < middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  return ranges.reverse();
}

/**
 * The ranges whose hashes are the consistency proof between two sizes, from the lowest up: RFC 6962, section 2.1.2, read
 * from the root down. Throws `bad-size` unless 0 < size1 ≤ size2, since from the empty tree there is nothing to prove.
 */
export function consistencyRanges(size1: bigint, size2: bigint): LeafRange[] {
  requireSize(size2);
  if (size1 <= 0n || size1 > size2) {
    throw new TransparencyLogError(
      'bad-size',
      `a consistency proof leads from a size of at least 1 to one no smaller; got ${size1} and ${size2}`,
    );
  }
  const ranges: LeafRange[] = [];
  let start = 0n;
  let end = size2;
  while (end !== size1) {
    const middle = start + splitPoint(end - start);
    if (size1 <= middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  // What is left ends where the first tree ends; only where it is the whole first tree does the verifier know its hash.
  if (start !== 0n) {
    ranges.push({ start, end });
  }
  return ranges.reverse();
}
