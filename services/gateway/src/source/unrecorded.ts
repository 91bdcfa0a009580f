/** A while in which requests passed that the spool had no room for. */
export interface UnrecordedPeriod {
  readonly requests: number;
  /** Milliseconds since the epoch, of the first and the last. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Counts what a route that may do without a record let pass while the spool was full. */
export class UnrecordedRequests {
  #period: UnrecordedPeriod | null = null;

  /** One more request passed at `nowMs` without events. */
  count(nowMs: number): void {
    const period = this.#period;
    this.#period = {
      requests: (period?.requests ?? 0) + 1,
      sinceMs: period?.sinceMs ?? nowMs,
      untilMs: nowMs,
    };
  }

  /** What has not been told yet; null if nothing. */
  get period(): UnrecordedPeriod | null {
    return this.#period;
  }

  /** What `period` gave has been told. */
  told(): void {
    this.#period = null;
  }
}
