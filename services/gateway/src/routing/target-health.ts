import {
  type BreakerSettings,
  type BreakerState,
  closedBreaker,
  closedForMs,
  type Pass,
  passing,
  withFailure,
  withoutOutcome,
  withProbe,
  withSuccess,
  withTrial,
} from './breaker.ts';

/** Too Many Requests. */
const LIMIT_REACHED = 429;

/** What an attempt says about the target that it was made at. */
export type Verdict = 'success' | 'failure' | 'nothing';

/** What of a target's health changed, for the log. */
export type HealthChange =
  | { readonly state: BreakerState['kind']; readonly before: BreakerState['kind'] }
  | { readonly restsForMs: number };

/**
 * Whether a target can be asked just now: its circuit breaker, and how long it asked to be left alone. One object per
 * target, shared by all routes that it stands in; it outlives the policies that name it.
 */
export class TargetHealth {
  readonly #settings: BreakerSettings;
  readonly #changed: (change: HealthChange) => void;
  #state: BreakerState;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #restStatus = 0;
  readonly #verdicts: Record<Verdict, number> = { success: 0, failure: 0, nothing: 0 };

  /** @param changed told when the breaker changes its state, and when the target begins to rest */
  constructor(settings: BreakerSettings, nowMs: number, changed: (change: HealthChange) => void) {
    this.#settings = settings;
    this.#changed = changed;
    this.#state = closedBreaker(nowMs);
  }

  get state(): BreakerState['kind'] {
    return this.#state.kind;
  }

  /** Whether a call may be made at `nowMs`. */
  available(nowMs: number): boolean {
    return (
      nowMs >= this.#restUntilMs && (this.#state.kind === 'closed' || passing(this.#state, nowMs) !== 'no')
    );
  }

  /** Lets a call in, or not. What is let in as a trial has to be judged, and decides whether others follow. */
  enter(nowMs: number): Pass {
    if (nowMs < this.#restUntilMs) return 'no';
    const pass = passing(this.#state, nowMs);
    if (pass === 'trial') this.#become(withTrial(this.#state, nowMs, this.#settings));
    return pass;
  }

  /** How many attempts ended with each verdict. */
  get verdicts(): Readonly<Record<Verdict, number>> {
    return this.#verdicts;
  }

  /** What came of a call that was let in. */
  judge(verdict: Verdict, trial: boolean, nowMs: number): void {
    this.#verdicts[verdict] += 1;
    if (verdict === 'success') this.#become(withSuccess(this.#state, trial, nowMs, this.#settings));
    else if (verdict === 'failure') this.#become(withFailure(this.#state, trial, nowMs, this.#settings));
    else this.#become(withoutOutcome(this.#state, trial, nowMs));
  }

  /** What a probe saw. `holdMs`: for how long an unhealthy one keeps calls out. */
  probed(healthy: boolean, holdMs: number, nowMs: number): void {
    this.#become(withProbe(this.#state, healthy, holdMs, nowMs, this.#settings));
  }

  /** The target asked, by an answer of this status, not to be called for so long. */
  rest(forMs: number, status: number, nowMs: number): void {
    const untilMs = nowMs + forMs;
    if (untilMs <= this.#restUntilMs) return;
    const rested = nowMs >= this.#restUntilMs;
    this.#restUntilMs = untilMs;
    this.#restStatus = status;
    if (rested) this.#changed({ restsForMs: forMs });
  }

  /** Whether it is left alone because its limit of calls or tokens was reached. */
  limited(nowMs: number): boolean {
    return nowMs < this.#restUntilMs && this.#restStatus === LIMIT_REACHED;
  }

  /** How long no call may be made yet, in milliseconds. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#restUntilMs - nowMs, closedForMs(this.#state, nowMs));
  }

  #become(state: BreakerState): void {
    const before = this.#state.kind;
    this.#state = state;
    if (state.kind !== before) this.#changed({ state: state.kind, before });
  }
}
