/** When a commit waits for company, in callers per second that ask for it. */
export interface CommitWindow {
  /** Up to this rate a commit starts with the loop turn that asked for it. */
  readonly fromPerSecond: number;
  /** A commit waits 1 ms for others for each `fromPerSecond` that the rate holds, and at most this long. */
  readonly maxMs: number;
}

export const COMMIT_WINDOW: CommitWindow = { fromPerSecond: 150, maxMs: 4 };

/** Weight of the newest gap between two callers in the running mean. */
const RATE_WEIGHT = 0.1;
/** A longer silence counts as this long, so that the rate recovers quickly after it. */
const LONGEST_GAP_MS = 1000;

/** How fast callers come, and so how long a commit waits for company. */
export class CommitPace {
  readonly #window: CommitWindow;
  #meanGapMs = LONGEST_GAP_MS;
  #lastCallerMs = 0;

  constructor(window: CommitWindow) {
    this.#window = window;
  }

  /** A caller has come. */
  came(nowMs: number): void {
    const gap = Math.min(nowMs - this.#lastCallerMs, LONGEST_GAP_MS);
    this.#lastCallerMs = nowMs;
    this.#meanGapMs += (gap - this.#meanGapMs) * RATE_WEIGHT;
  }

  /** How long a commit waits at the present rate of callers. */
  windowMs(): number {
    const { fromPerSecond, maxMs } = this.#window;
    const perSecond = 1000 / Math.max(this.#meanGapMs, 0.001);
    return Math.min(maxMs, Math.floor(perSecond / fromPerSecond));
  }

  /** What is left of that for callers of whom the first has waited since `sinceMs`, in whole milliseconds. */
  remainingMs(sinceMs: number, nowMs: number): number {
    return Math.max(0, Math.round(this.windowMs() - (nowMs - sinceMs)));
  }
}
