import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';

/** Random bytes drawn at once; an id takes eight. */
const POOL_BYTES = 4096;

/** The 12 bits of an id that count within its millisecond; they start in the lower half. */
const COUNTER_LIMIT = 0x1000;

export type RandomBytes = (size: number) => Buffer;

/**
 * UUIDs of version 7 (RFC 9562, method 1: a counter in `rand_a`), strictly increasing as text within this
 * source. If more are asked for in a millisecond than the counter holds, or the clock goes back, ids run ahead
 * of the clock.
 */
export class IdSource {
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  #pool = '';
  #at = 0;
  #lastMs = -1;
  #prefix = '';
  #counter = 0;

  constructor(clock: Clock, random: RandomBytes = randomBytes) {
    this.#clock = clock;
    this.#random = random;
  }

  next(): string {
    if (this.#at + 16 > this.#pool.length) {
      this.#pool = this.#random(POOL_BYTES).toString('hex');
      this.#at = 0;
    }
    const random = this.#pool.slice(this.#at, this.#at + 16);
    this.#at += 16;
    const now = this.#clock.now();
    if (now > this.#lastMs) this.#startMillisecond(now, random);
    else if (++this.#counter >= COUNTER_LIMIT) this.#startMillisecond(this.#lastMs + 1, random);
    const counter = this.#counter.toString(16).padStart(3, '0');
    const variant = '89ab'.charAt(random.charCodeAt(0) & 3);
    return `${this.#prefix}${counter}-${variant}${random.slice(1, 4)}-${random.slice(4)}`;
  }

  #startMillisecond(ms: number, random: string): void {
    this.#lastMs = ms;
    const hex = ms.toString(16).padStart(12, '0');
    this.#prefix = `${hex.slice(0, 8)}-${hex.slice(8)}-7`;
    this.#counter = Number.parseInt(random.slice(0, 3), 16) & 0x7ff;
  }
}
