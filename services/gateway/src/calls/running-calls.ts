import type { Clock } from '../clock.ts';

/** A call that is in flight. */
export interface RunningCall {
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

/** The calls in flight, and the one timer that watches over all of them. */
export class RunningCalls {
  readonly #clock: Clock;
  readonly #calls = new Set<RunningCall>();
  /** Calls that are over, but whose upstream has not closed the answer yet. */
  readonly #lingering = new Set<RunningCall>();
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
    for (const call of this.#calls) {
      call.checkDeadlines(now);
      if (progress) call.noteProgress();
    }
    for (const call of this.#lingering) call.checkDeadlines(now);
  }

  /** Resolves once nothing is in flight; after `deadlineMs` what is left is given up. */
  async drain(deadlineMs: number): Promise<void> {
    if (this.#calls.size === 0) return;
    for (const call of this.#calls) call.lastOnConnection();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.push(resolve);
    const timer = setTimeout(() => {
      for (const call of [...this.#calls]) call.endNow();
    }, deadlineMs);
    await promise;
    clearTimeout(timer);
  }
}
