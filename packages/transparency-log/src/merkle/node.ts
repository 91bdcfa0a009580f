import { bitLength } from './size.ts';

/** A node over a perfect subtree: the leaves from index · 2^level up to, but without, (index + 1) · 2^level. */
export interface NodeId {
  readonly level: number;
  readonly index: bigint;
}

/** The leaves from `start` up to, but without, `end`; as part of a tree, its start is a multiple of its rounded-up size. */
export interface LeafRange {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * The perfect subtrees that a range of a tree is made of, from left to right, the largest first. The hash of the range
 * is theirs, folded from the right.
 */
export function nodesOfRange({ start, end }: LeafRange): NodeId[] {
  const nodes: NodeId[] = [];
  for (let from = start; from < end; ) {
    const level = bitLength(end - from) - 1;
    nodes.push({ level, index: from >> BigInt(level) });
    from += 1n << BigInt(level);
  }
  return nodes;
}

/** The largest power of two below `leaves`: where RFC 6962 splits a tree of that many leaves, of two or more. */
export function splitPoint(leaves: bigint): bigint {
  return 1n << BigInt(bitLength(leaves - 1n) - 1);
}
