/** When a target is left alone, and for how long. Times in milliseconds. */
export interface BreakerSettings {
  /** Outcomes are counted over this long, or up to half as long again. */
  readonly windowMs: number;
  /** With fewer outcomes in the window, their ratio says nothing. */
  readonly minimumVolume: number;
  /** Opens where at least this part of the window's outcomes are failures; from 0 to 1. */
  readonly failureRatio: number;
  /** Opens after so many failures without a success between them, however few there were. */
  readonly consecutiveFailures: number;
  /** How long it stays open before one trial; twice as long after each trial that fails, up to `maxOpenMs`. */
  readonly openMs: number;
  readonly maxOpenMs: number;
}

/** Everything passes. Outcomes are counted in two halves of the window, the current one and the one before it. */
interface Closed {
  readonly kind: 'closed';
  readonly consecutive: number;
  readonly halfStartedMs: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly earlierSucceeded: number;
  readonly earlierFailed: number;
}

/** Nothing passes until `untilMs`; then one trial may. */
interface Open {
  readonly kind: 'open';
  readonly untilMs: number;
  /** How long it was opened for. */
  readonly openMs: number;
}

/** One trial is on its way. Another may follow at `nextTrialMs`, lest one that hangs keeps all others out. */
interface HalfOpen {
  readonly kind: 'half-open';
  readonly nextTrialMs: number;
  /** How long it was open for before. */
  readonly openMs: number;
}

/** A value that is replaced, never changed. */
export type BreakerState = Closed | Open | HalfOpen;

/** Whether a call may pass, and whether it is the one that decides how things go on. */
export type Pass = 'yes' | 'trial' | 'no';

export function closedBreaker(nowMs: number): BreakerState {
  return counting(nowMs, 0, 0, 0, 0, 0);
}

/** Whether a call may pass at `nowMs`. One that passes as a trial has to be noted with {@link withTrial}. */
export function passing(state: BreakerState, nowMs: number): Pass {
  if (state.kind === 'closed') return 'yes';
  return nowMs >= mayTryMs(state) ? 'trial' : 'no';
}

/** How long nothing passes yet, in milliseconds. */
export function closedForMs(state: BreakerState, nowMs: number): number {
  return state.kind === 'closed' ? 0 : Math.max(0, mayTryMs(state) - nowMs);
}

/** A trial has begun. */
export function withTrial(state: BreakerState, nowMs: number, settings: BreakerSettings): BreakerState {
  if (state.kind === 'closed') return state;
  return { kind: 'half-open', nextTrialMs: nowMs + settings.openMs, openMs: state.openMs };
}

/** A call went well. Of calls that are no trial, only those count that end while it is closed. */
export function withSuccess(
  state: BreakerState,
  trial: boolean,
  nowMs: number,
  settings: BreakerSettings,
): BreakerState {
  if (state.kind !== 'closed') return trial ? closedBreaker(nowMs) : state;
  const c = rolled(state, nowMs, settings);
  return counting(c.halfStartedMs, 0, c.succeeded + 1, c.failed, c.earlierSucceeded, c.earlierFailed);
}

/** A call failed in a way that says something about its target. */
export function withFailure(
  state: BreakerState,
  trial: boolean,
  nowMs: number,
  settings: BreakerSettings,
): BreakerState {
  if (state.kind !== 'closed') {
    if (!trial) return state;
    return openFor(Math.min(settings.maxOpenMs, state.openMs * 2), nowMs);
  }
  const c = rolled(state, nowMs, settings);
  const failed = c.failed + 1;
  const consecutive = c.consecutive + 1;
  const failures = failed + c.earlierFailed;
  const volume = failures + c.succeeded + c.earlierSucceeded;
  const often = volume >= settings.minimumVolume && failures >= volume * settings.failureRatio;
  if (often || consecutive >= settings.consecutiveFailures) return openFor(settings.openMs, nowMs);
  return counting(c.halfStartedMs, consecutive, c.succeeded, failed, c.earlierSucceeded, c.earlierFailed);
}

/** A trial ended without saying anything about its target, as when its caller left: the next call may try. */
export function withoutOutcome(state: BreakerState, trial: boolean, nowMs: number): BreakerState {
  if (!trial || state.kind !== 'half-open') return state;
  return { kind: 'open', untilMs: nowMs, openMs: state.openMs };
}

/**
 * A probe has looked at the target. A healthy one lets a call try at once; an unhealthy one keeps calls out for
 * `holdMs`, by when the next probe has looked.
 */
export function withProbe(
  state: BreakerState,
  healthy: boolean,
  holdMs: number,
  nowMs: number,
  settings: BreakerSettings,
): BreakerState {
  if (!healthy) return { kind: 'open', untilMs: nowMs + holdMs, openMs: settings.openMs };
  if (state.kind !== 'open' || state.untilMs <= nowMs) return state;
  return { ...state, untilMs: nowMs };
}

function mayTryMs(state: Open | HalfOpen): number {
  return state.kind === 'open' ? state.untilMs : state.nextTrialMs;
}

function openFor(openMs: number, nowMs: number): Open {
  return { kind: 'open', untilMs: nowMs + openMs, openMs };
}

/** The counts as they are at `nowMs`: what is older than the window is left behind. */
function rolled(state: Closed, nowMs: number, { windowMs }: BreakerSettings): Closed {
  const halfMs = windowMs / 2;
  const ageMs = nowMs - state.halfStartedMs;
  if (ageMs < halfMs) return state;
  if (ageMs >= windowMs) return counting(nowMs, state.consecutive, 0, 0, 0, 0);
  const { consecutive, succeeded, failed } = state;
  return counting(state.halfStartedMs + halfMs, consecutive, 0, 0, succeeded, failed);
}

function counting(
  halfStartedMs: number,
  consecutive: number,
  succeeded: number,
  failed: number,
  earlierSucceeded: number,
  earlierFailed: number,
): Closed {
  return {
    kind: 'closed',
    consecutive,
    halfStartedMs,
    succeeded,
    failed,
    earlierSucceeded,
    earlierFailed,
  };
}
