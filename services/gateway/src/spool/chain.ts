import { hash } from 'node:crypto';
import { MAX_EVENT_BYTES } from '@tollgate/events';
import { MARK_START, type Mark } from './segment-header.ts';

const CHAIN_BYTES = 32;

/** The running mark of a source: number, counts and h(n) = SHA-256(h(n−1) ‖ bytes of event n). */
export class Chain {
  readonly #input = Buffer.alloc(CHAIN_BYTES + MAX_EVENT_BYTES);
  #sequence: number;
  #chain: string;
  #counts: number[];

  constructor(start: Mark = MARK_START) {
    this.#sequence = start.sequence;
    this.#chain = start.chain;
    this.#counts = [...start.counts];
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** A copy of how far it has come. */
  mark(): Mark {
    return { sequence: this.#sequence, chain: this.#chain, counts: [...this.#counts] };
  }

  /** Takes the next event: the bytes from `start` to `end` of the buffer. */
  add(kind: number, buffer: Buffer, start: number, end: number): void {
    this.#input.write(this.#chain, 0, 'latin1');
    buffer.copy(this.#input, CHAIN_BYTES, start, end);
    this.#chain = hash('sha256', this.#input.subarray(0, CHAIN_BYTES + end - start), 'binary');
    this.#sequence += 1;
    this.#counts[kind] = (this.#counts[kind] ?? 0) + 1;
  }

  /** Goes on from another mark: where numbers in between are lost. */
  jump(mark: Mark): void {
    this.#sequence = mark.sequence;
    this.#chain = mark.chain;
    this.#counts = [...mark.counts];
  }
}
