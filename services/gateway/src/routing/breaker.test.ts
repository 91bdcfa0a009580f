import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BreakerSettings,
  type BreakerState,
  closedBreaker,
  closedForMs,
  passing,
  withFailure,
  withoutOutcome,
  withProbe,
  withSuccess,
  withTrial,
} from './breaker.ts';

const SETTINGS: BreakerSettings = {
  windowMs: 10_000,
  minimumVolume: 10,
  failureRatio: 0.5,
  consecutiveFailures: 5,
  openMs: 1_000,
  maxOpenMs: 8_000,
};

const fail = (state: BreakerState, nowMs = 0, trial = false) => withFailure(state, trial, nowMs, SETTINGS);
const succeed = (state: BreakerState, nowMs = 0, trial = false) => withSuccess(state, trial, nowMs, SETTINGS);

/** After so many failures in a row. */
function failed(times: number, nowMs = 0): BreakerState {
  let state = closedBreaker(nowMs);
  for (let i = 0; i < times; i += 1) state = fail(state, nowMs);
  return state;
}

describe('a closed breaker', () => {
  test('opens at so many failures in a row, and not before', () => {
    expect(failed(4).kind).toBe('closed');
    expect(failed(5)).toEqual({ kind: 'open', untilMs: 1_000, openMs: 1_000 });
  });

  test('forgets the row at a success', () => {
    expect(fail(succeed(failed(4))).kind).toBe('closed');
  });

  test('opens where the ratio is reached, with enough outcomes to tell', () => {
    let state = closedBreaker(0);
    for (let i = 0; i < 4; i += 1) state = succeed(fail(state));
    expect(fail(state).kind).toBe('closed');
    expect(fail(succeed(fail(state))).kind).toBe('open');
  });

  test('leaves behind what is older than its window', () => {
    let state = closedBreaker(0);
    for (let i = 0; i < 4; i += 1) state = succeed(fail(state));
    state = succeed(state, 10_001);
    for (let i = 0; i < 4; i += 1) state = fail(state, 10_001);
    expect(state.kind).toBe('closed');
  });
});

describe('an open breaker', () => {
  test('lets one trial in after its time, and others only if that one hangs', () => {
    const open = failed(5);
    expect(passing(open, 999)).toBe('no');
    expect(closedForMs(open, 400)).toBe(600);
    expect(passing(open, 1_000)).toBe('trial');
    const trying = withTrial(open, 1_000, SETTINGS);
    expect(passing(trying, 1_999)).toBe('no');
    expect(passing(trying, 2_000)).toBe('trial');
  });

  test('closes after a trial that succeeds', () => {
    const trying = withTrial(failed(5), 1_000, SETTINGS);
    expect(succeed(trying, 1_100, true)).toEqual(closedBreaker(1_100));
  });

  test('stays open twice as long after each trial that fails, up to its bound', () => {
    let state = failed(5);
    const waits: number[] = [];
    for (let nowMs = 1_000, i = 0; i < 5; i += 1) {
      state = fail(withTrial(state, nowMs, SETTINGS), nowMs, true);
      waits.push(closedForMs(state, nowMs));
      nowMs += closedForMs(state, nowMs);
    }
    expect(waits).toEqual([2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  test('lets the next one try where a trial said nothing', () => {
    const trying = withTrial(failed(5), 1_000, SETTINGS);
    expect(passing(withoutOutcome(trying, true, 1_050), 1_050)).toBe('trial');
  });

  test('does not listen to calls that had been let in before', () => {
    const open = failed(5);
    expect(succeed(open, 10)).toBe(open);
    expect(fail(open, 10)).toBe(open);
    const trying = withTrial(open, 1_000, SETTINGS);
    expect(succeed(trying, 1_001)).toBe(trying);
    expect(withoutOutcome(trying, false, 1_001)).toBe(trying);
  });
});

describe('a probe', () => {
  test('opens a breaker that traffic has no complaints of, and holds it open', () => {
    const open = withProbe(closedBreaker(0), false, 30_000, 5, SETTINGS);
    expect(passing(open, 30_004)).toBe('no');
    expect(passing(withProbe(open, false, 30_000, 20_000, SETTINGS), 49_999)).toBe('no');
  });

  test('that is healthy lets one call try at once, and closes nothing by itself', () => {
    const allowed = withProbe(failed(5), true, 30_000, 10, SETTINGS);
    expect(passing(allowed, 10)).toBe('trial');
    expect(allowed.kind).toBe('open');
    const closed = closedBreaker(0);
    expect(withProbe(closed, true, 30_000, 10, SETTINGS)).toBe(closed);
  });
});

/** Whatever can happen to a breaker, some time after what happened before. */
const happening = fc.record({
  afterMs: fc.integer({ min: 0, max: 3_000 }),
  what: fc.constantFrom('call', 'success', 'failure', 'nothing', 'healthy', 'unhealthy'),
  /** Which of the calls on their way ends. */
  which: fc.nat(),
});

test('whatever happens: at most one trial per opening time, nothing passes while it is open, and it closes again', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 200 }), (happenings) => {
      let state = closedBreaker(0);
      let nowMs = 0;
      let lastTrialMs = Number.NEGATIVE_INFINITY;
      const calls: { trial: boolean }[] = [];
      for (const { afterMs, what, which } of happenings) {
        nowMs += afterMs;
        const before = state;
        if (what === 'call') {
          const pass = passing(state, nowMs);
          expect(pass === 'yes').toBe(state.kind === 'closed');
          if (state.kind === 'open') expect(pass === 'trial').toBe(nowMs >= state.untilMs);
          if (pass === 'trial') {
            // A trial is alone, unless the one before has hung or said nothing.
            if (state.kind === 'half-open')
              expect(nowMs - lastTrialMs).toBeGreaterThanOrEqual(SETTINGS.openMs);
            lastTrialMs = nowMs;
            state = withTrial(state, nowMs, SETTINGS);
            expect(passing(state, nowMs)).toBe('no');
          }
          if (pass !== 'no') calls.push({ trial: pass === 'trial' });
        } else if (what === 'healthy' || what === 'unhealthy') {
          state = withProbe(state, what === 'healthy', 5_000, nowMs, SETTINGS);
          if (what === 'unhealthy') expect(passing(state, nowMs + 4_999)).toBe('no');
        } else {
          const [call] = calls.length === 0 ? [] : calls.splice(which % calls.length, 1);
          if (call === undefined) continue;
          if (what === 'success') state = succeed(state, nowMs, call.trial);
          else if (what === 'failure') state = fail(state, nowMs, call.trial);
          else state = withoutOutcome(state, call.trial, nowMs);
        }
        // Only a trial that succeeds closes it.
        if (before.kind !== 'closed' && state.kind === 'closed') expect(what).toBe('success');
        if (state.kind !== 'closed')
          expect(closedForMs(state, nowMs)).toBeLessThanOrEqual(SETTINGS.maxOpenMs);
      }
      // However it stands: once it lets somebody in who succeeds, all is well.
      nowMs += SETTINGS.maxOpenMs;
      if (state.kind !== 'closed') {
        expect(passing(state, nowMs)).toBe('trial');
        state = succeed(withTrial(state, nowMs, SETTINGS), nowMs, true);
      }
      expect(passing(state, nowMs)).toBe('yes');
    }),
  );
});

test('never opens where outcomes are good but for fewer than the ratio and the row allow', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 300 }), (outcomes) => {
      let state = closedBreaker(0);
      let row = 0;
      outcomes.forEach((ok, index) => {
        // Two successes go before each failure, so that at most a third fails.
        const nowMs = index * 100;
        if (ok) state = succeed(state, nowMs);
        else state = fail(succeed(succeed(state, nowMs), nowMs), nowMs);
        row = ok ? 0 : row + 1;
      });
      expect(state.kind).toBe('closed');
    }),
  );
});
