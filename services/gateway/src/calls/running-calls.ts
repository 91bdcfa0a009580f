import type { Clock } from '../clock.ts';

/** A call that is in flight. */
export interface RunningCall {
  /** Its place in the list that it is in; kept by the list. */
  seat: number;
  /** Ends the call if one of its deadlines has passed. */
  checkDeadlines(nowMs: number): void;
  /** Notes in the spool how far a running stream has come. */
  noteProgress(): void;
  /** Has the caller's connection closed with the answer, for the gateway is shutting down. */
  lastOnConnection(): void;
  /** Ends the call because the gateway is shutting down. */
  endNow(): void;
}

/** How often deadlines are looked at: they may pass late by this much, in milliseconds. */
export const SWEEP_INTERVAL_MS = 250;

/** How often running streams leave a progress frame, in milliseconds. */
const PROGRESS_INTERVAL_MS = 1000;

/**
 * A set of calls in an array, each of which knows its place. A `Set` would do, but for this: V8 links a Set's outgrown
 * tables to their successors, and once one of them has reached the old generation, every call ever added since is kept
 * until the next full collection. That doubled the cost of collecting garbage.
 */
class CallList {
  readonly #calls: RunningCall[] = [];

  get size(): number {
    return this.#calls.length;
  }

  add(call: RunningCall): void {
    call.seat = this.#calls.length;
    this.#calls.push(call);
  }

  /** Whether it was there. */
  delete(call: RunningCall): boolean {
    if (this.#calls[call.seat] !== call) return false;
    const last = this.#calls.pop();
    if (last !== undefined && last !== call) {
      this.#calls[call.seat] = last;
      last.seat = call.seat;
    }
    return true;
  }

  /** From the last to the first, so that `each` may delete the call it is given. */
  visit(each: (call: RunningCall) => void): void {
    for (let seat = this.#calls.length - 1; seat >= 0; seat -= 1) {
      const call = this.#calls[seat];
      if (call !== undefined) each(call);
    }
  }
}

/** The calls in flight, and the one timer that watches over all of them. */
export class RunningCalls {
  readonly #clock: Clock;
  readonly #calls = new CallList();
  /** Calls that are over, but whose upstream has not closed the answer yet. */
  readonly #lingering = new CallList();
  readonly #idle: (() => void)[] = [];
  #timer: NodeJS.Timeout | null = null;
  #nextProgressMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#calls.size;
  }

  add(call: RunningCall): void {
    this.#calls.add(call);
  }

  /** Keeps watching a call that is over until it is deleted again. */
  linger(call: RunningCall): void {
    this.#lingering.add(call);
  }

  delete(call: RunningCall): void {
    if (!this.#calls.delete(call)) this.#lingering.delete(call);
    if (this.#calls.size === 0 && this.#idle.length > 0) for (const done of this.#idle.splice(0)) done();
  }

  start(): void {
    this.#timer ??= setInterval(() => this.sweep(), SWEEP_INTERVAL_MS).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** What the timer does; a test calls it with its own clock. */
  sweep(): void {
    const now = this.#clock.monotonic();
    const progress = now >= this.#nextProgressMs;
    if (progress) this.#nextProgressMs = now + PROGRESS_INTERVAL_MS;
    this.#calls.visit((call) => {
      call.checkDeadlines(now);
      if (progress) call.noteProgress();
    });
    this.#lingering.visit((call) => call.checkDeadlines(now));
  }

  /** Resolves once nothing is in flight; after `deadlineMs` what is left is given up. */
  async drain(deadlineMs: number): Promise<void> {
    if (this.#calls.size === 0) return;
    this.#calls.visit((call) => call.lastOnConnection());
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.push(resolve);
    const timer = setTimeout(() => {
      this.#calls.visit((call) => call.endNow());
    }, deadlineMs);
    await promise;
    clearTimeout(timer);
  }
}
