const FIRST_BYTES = 4096;
const NOTHING = Buffer.alloc(0);

/** The beginning of a body that comes in pieces, copied, so that it holds on to no piece's memory. */
export class Collected {
  /** Of the whole body. */
  bytes = 0;
  readonly #maxBytes: number;
  #kept = NOTHING;
  #length = 0;

  /** @param maxBytes the most that is kept */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(piece: Uint8Array): void {
    this.bytes += piece.length;
    const room = this.#maxBytes - this.#length;
    if (room === 0) return;
    const taken = piece.length <= room ? piece : piece.subarray(0, room);
    const needed = this.#length + taken.length;
    if (needed > this.#kept.length) {
      const size = Math.min(this.#maxBytes, Math.max(needed, this.#kept.length * 2, FIRST_BYTES));
      const larger = Buffer.allocUnsafe(size);
      this.#kept.copy(larger, 0, 0, this.#length);
      this.#kept = larger;
    }
    this.#kept.set(taken, this.#length);
    this.#length = needed;
  }

  /** What is kept; shares this object's memory. */
  kept(): Buffer {
    return this.#kept.subarray(0, this.#length);
  }
}
