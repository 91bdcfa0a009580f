import { TransparencyLogError } from '../errors.ts';
import { nodeHash, requireHash } from './hash.ts';
import type { LeafRange, NodeId } from './node.ts';
import { bitLength } from './size.ts';
import { foldFromRight } from './tree-hash.ts';

/**
 * The perfect subtrees that cover the leaves from `start` up to, but without, `end`, from left to right, each as large as
 * its place in the tree lets it be: what stands in a pruned tree for leaves that are not shown.
 */
export function alignedSubtrees({ start, end }: LeafRange): NodeId[] {
  const nodes: NodeId[] = [];
  for (let from = start; from < end; ) {
    let level = bitLength(end - from) - 1;
    while (from % (1n << BigInt(level)) !== 0n) level -= 1;
    nodes.push({ level, index: from >> BigInt(level) });
    from += 1n << BigInt(level);
  }
  return nodes;
}

/** The leaves below a node. */
export function leavesOf({ level, index }: NodeId): LeafRange {
  return { start: index << BigInt(level), end: (index + 1n) << BigInt(level) };
}

/**
 * The root of a tree of which some leaves are shown and the others stand below hashes of perfect subtrees: all of it, from
 * left to right, without a hole. Holds a hash a level at most, however large the tree is.
 */
export class PrunedTree {
  readonly #frontier: { readonly node: NodeId; readonly hash: Uint8Array }[] = [];
  #size = 0n;

  /** The leaves that have been taken in. */
  get size(): bigint {
    return this.#size;
  }

  /** Takes the next leaf or subtree. Throws `bad-proof` where it is not the next one, `bad-hash` for another length. */
  add(node: NodeId, hash: Uint8Array): void {
    requireHash(hash);
    const { start, end } = leavesOf(node);
    if (start !== this.#size) {
      throw new TransparencyLogError(
        'bad-proof',
        `the tree goes on at leaf ${this.#size}, and what comes begins at leaf ${start}: something was left out or put in`,
      );
    }
    this.#size = end;
    let merged = { node, hash };
    for (;;) {
      const left = this.#frontier.at(-1);
      if (left === undefined || left.node.level !== merged.node.level || left.node.index % 2n === 1n) break;
      this.#frontier.pop();
      merged = {
        node: { level: left.node.level + 1, index: left.node.index / 2n },
        hash: nodeHash(left.hash, merged.hash),
      };
    }
    this.#frontier.push(merged);
  }

  /** The root over everything that has been taken in. */
  root(): Uint8Array {
    return foldFromRight(Buffer.concat(this.#frontier.map(({ hash }) => hash)));
  }
}
