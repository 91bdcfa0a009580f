import { DIGEST_BYTES, sha256 } from '../log/leaf.ts';
import type { Checkpoint, SourceState } from './source-state.ts';

/** Hashes behind the tail that are kept, since a heartbeat may arrive after the events that followed it. */
const RECENT = 8192;
/** Bytes of events, over all sources, that wait for an earlier number; beyond it they are read from the archive. */
export const MAX_HELD_BYTES = 32 << 20;

/** What all tails hold together. */
export interface HeldBudget {
  bytes: number;
}

/**
 * The running hash over one source's events as they enter the log: h(n) = SHA-256(h(n−1) ‖ bytes of event n).
 * Events that come early are held until the ones before them have come.
 */
export class ChainTail {
  #to: number;
  #hash: Buffer;
  readonly #recent = new Map<number, Buffer>();
  readonly #held = new Map<number, Buffer>();
  readonly #budget: HeldBudget;

  constructor(start: SourceState['chain'], budget: HeldBudget) {
    this.#to = start.to;
    this.#hash = Buffer.from(start.hash, 'hex');
    this.#budget = budget;
  }

  /** The last number that the hash covers. */
  get to(): number {
    return this.#to;
  }

  get state(): SourceState['chain'] {
    return { to: this.#to, hash: this.#hash.toString('hex') };
  }

  /** Takes an event that is in the log. What is at or below `to` is passed over. */
  add(sequence: number, bytes: Buffer): void {
    if (sequence === this.#to + 1) {
      this.#step(bytes);
      this.#drain();
    } else if (sequence > this.#to && this.#budget.bytes + bytes.length <= MAX_HELD_BYTES) {
      this.#held.set(sequence, bytes);
      this.#budget.bytes += bytes.length;
    }
  }

  /** The hash at `n`, hex; null where it is not known (yet, or any more). */
  at(n: number): string | null {
    return (n === this.#to ? this.#hash : this.#recent.get(n))?.toString('hex') ?? null;
  }

  /** Gives back what it holds. */
  release(): void {
    for (const bytes of this.#held.values()) this.#budget.bytes -= bytes.length;
    this.#held.clear();
  }

  #drain(): void {
    for (;;) {
      const bytes = this.#held.get(this.#to + 1);
      if (bytes === undefined) return;
      this.#held.delete(this.#to + 1);
      this.#budget.bytes -= bytes.length;
      this.#step(bytes);
    }
  }

  #step(bytes: Buffer): void {
    const input = Buffer.allocUnsafe(DIGEST_BYTES + bytes.length);
    this.#hash.copy(input);
    bytes.copy(input, DIGEST_BYTES);
    this.#recent.set(this.#to, this.#hash);
    this.#recent.delete(this.#to - RECENT);
    this.#hash = sha256(input);
    this.#to += 1;
  }
}

/**
 * Compares what the source said of its chain with what the log holds. A word that lies too far behind to be compared
 * is dropped: the next one covers all that it covered.
 */
export function compared(state: SourceState, tail: ChainTail): SourceState {
  const waiting: Checkpoint[] = [];
  let { verified, mismatch } = state;
  for (const word of state.unchecked) {
    const hash = tail.at(word.through);
    if (hash === null) {
      if (word.through > tail.to) waiting.push(word);
    } else if (hash === word.chain) {
      verified = Math.max(verified, word.through);
    } else {
      mismatch = Math.min(mismatch ?? word.through, word.through);
    }
  }
  return { ...state, chain: tail.state, unchecked: waiting, verified, mismatch };
}
