import { createHash } from 'node:crypto';

/**
 * The tree as RFC 6962, section 2.1, defines it, word for word and sharing no code with the package: what its results are
 * compared with.
 */
export class RecursiveTree {
  readonly #leaves: readonly Uint8Array[];
  readonly #known = new Map<string, Uint8Array>();

  constructor(entries: readonly Uint8Array[]) {
    this.#leaves = entries.map((entry) => sha256(Uint8Array.of(0), entry));
  }

  leaf(index: number): Uint8Array {
    return this.#leaves[index] ?? sha256();
  }

  /** MTH(D[from:to]). */
  root(from: number, to: number): Uint8Array {
    if (to === from) {
      return sha256();
    }
    if (to - from === 1) {
      return this.leaf(from);
    }
    const key = `${from}:${to}`;
    const known = this.#known.get(key);
    if (known !== undefined) {
      return known;
    }
    const middle = from + splitOf(to - from);
    const hash = sha256(Uint8Array.of(1), this.root(from, middle), this.root(middle, to));
    this.#known.set(key, hash);
    return hash;
  }

  /** PATH(m, D[from:to]). */
  path(index: number, from: number, to: number): Uint8Array[] {
    if (to - from === 1) {
      return [];
    }
    const middle = from + splitOf(to - from);
    return index < middle
      ? [...this.path(index, from, middle), this.root(middle, to)]
      : [...this.path(index, middle, to), this.root(from, middle)];
  }

  /** PROOF(m, D[0:n]). */
  proof(first: number, second: number): Uint8Array[] {
    return this.#subproof(first, 0, second, true);
  }

  #subproof(first: number, from: number, to: number, whole: boolean): Uint8Array[] {
    if (first === to) {
      return whole ? [] : [this.root(from, to)];
    }
    const middle = from + splitOf(to - from);
    return first <= middle
      ? [...this.#subproof(first, from, middle, whole), this.root(middle, to)]
      : [...this.#subproof(first, middle, to, false), this.root(from, middle)];
  }
}

function splitOf(count: number): number {
  let split = 1;
  while (split * 2 < count) {
    split *= 2;
  }
  return split;
}

function sha256(...parts: Uint8Array[]): Uint8Array {
  const digest = createHash('sha256');
  for (const part of parts) {
    digest.update(part);
  }
  return digest.digest();
}
