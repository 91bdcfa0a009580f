import type { Units } from '@tollgate/limits';

/**
 * A part of a limit's window that this gateway may spend by itself. What is reserved for running requests counts as
 * spent until they settle to what they used.
 */
export class Lease {
  readonly id: string;
  readonly granted: Units;
  /** Cumulative use of the requests that have ended. */
  settled: Units = 0n;
  /** Held for the requests that draw on it. */
  reserved: Units = 0n;
  /** Requests that draw on it. */
  inFlight = 0;
  /** Of `settled`, what the budgets service has acknowledged. */
  acknowledged: Units = 0n;
  /** Until when it may be drawn on, and from when it is renewed, on the monotonic clock. */
  expiresMs: number;
  renewMs: number;
  #drawable = true;

  /** @param sentMs when the call was sent that granted it, on the monotonic clock */
  constructor(id: string, granted: Units, sentMs: number, termMs: number) {
    this.id = id;
    this.granted = granted;
    this.expiresMs = sentMs + termMs;
    this.renewMs = sentMs + termMs / 2;
  }

  /** What can still be reserved; negative where requests used more than was reserved for them. */
  get free(): Units {
    return this.granted - this.settled - this.reserved;
  }

  /** Whether requests may draw on it at all. Once false it stays so. */
  get drawable(): boolean {
    return this.#drawable;
  }

  /** Whether the next report of it is its last: nothing draws on it, and nothing will. */
  get final(): boolean {
    return !this.#drawable && this.inFlight === 0;
  }

  canGive(amount: Units, nowMs: number): boolean {
    return this.#drawable && nowMs < this.expiresMs && this.free >= amount;
  }

  reserve(amount: Units): void {
    this.reserved += amount;
    this.inFlight += 1;
  }

  /** Adds to a reservation that is open. */
  add(amount: Units): void {
    this.reserved += amount;
  }

  /** Takes back a reservation of which nothing was used. */
  cancel(amount: Units): void {
    this.#end(amount);
  }

  /** Ends a reservation with what its request used in truth. */
  settle(amount: Units, used: Units): void {
    this.#end(amount);
    this.settled += used;
  }

  renewed(sentMs: number, termMs: number): void {
    this.expiresMs = Math.max(this.expiresMs, sentMs + termMs);
    this.renewMs = Math.max(this.renewMs, sentMs + termMs / 2);
  }

  /** Lets nobody draw on it any more, so that its rest can go back. */
  retire(): void {
    this.#drawable = false;
  }

  #end(amount: Units): void {
    this.reserved -= amount;
    this.inFlight -= 1;
    if (this.reserved < 0n || this.inFlight < 0) throw new Error('a reservation was ended twice');
  }
}
