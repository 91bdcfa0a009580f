import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concerns, groupRequests, type JudgeRule, reasonsOf, type SourceFacts, verdictOf } from './judge.ts';
import { LONGEST_REQUEST_MS, periodFault, SETTLING_MS } from './period.ts';

const HOUR_MS = 3_600_000;
const period = { fromMs: 100 * HOUR_MS, toMs: 110 * HOUR_MS };
const rule: JudgeRule = {
  nowMs: 200 * HOUR_MS,
  graceMs: 30_000,
  lostAfterMs: 30_000,
  unsettledAfterMs: 900_000,
};
const source = (facts: Partial<SourceFacts> = {}): SourceFacts => ({
  source: '/gateways/gw-1/e1',
  ended: 'stopped',
  heardMs: 105 * HOUR_MS,
  bornMs: 99 * HOUR_MS,
  through: 50,
  greatest: 50,
  verified: 50,
  mismatch: null,
  absent: 0,
  missing: [],
  declared: [],
  conflicts: 0,
  loss: null,
  counts: {},
  range: { from: 1, to: 50 },
  late: 0,
  ahead: 0,
  ...facts,
});
const missing = (beforeMs: number | null, afterMs: number | null, sinceMs = 0) => ({
  absent: 2,
  missing: [{ from: 4, to: 5, sinceMs, beforeMs, afterMs }],
});
const codes = (facts: Partial<SourceFacts>) => reasonsOf(source(facts), period, rule).map(({ code }) => code);

describe('a gap', () => {
  it('belongs to a period unless the events around it show that it can not', () => {
    expect(codes(missing(104 * HOUR_MS, 106 * HOUR_MS))).toEqual(['gap']);
    expect(codes(missing(90 * HOUR_MS, 120 * HOUR_MS))).toEqual(['gap']);
    expect(codes(missing(80 * HOUR_MS, 99 * HOUR_MS))).toEqual([]);
    expect(codes(missing(112 * HOUR_MS, 113 * HOUR_MS))).toEqual([]);
    expect(codes(missing(null, 99 * HOUR_MS))).toEqual([]);
    expect(codes(missing(112 * HOUR_MS, null))).toEqual([]);
    expect(codes(missing(109 * HOUR_MS, null))).toEqual(['gap']);
  });

  it('right after the end may hold events of requests that began before it', () => {
    expect(codes(missing(period.toMs + LONGEST_REQUEST_MS / 2, 113 * HOUR_MS))).toEqual(['gap']);
  });

  it('is none yet where it has not lasted, and yet the period is not complete', () => {
    expect(codes(missing(104 * HOUR_MS, 106 * HOUR_MS, rule.nowMs - 1))).toEqual(['awaited']);
  });

  it('that the source declares is not waited for, number by number', () => {
    const declared = [
      { from: 5, to: 9, reason: 'spool-corrupt', unrecordedRequests: 0, sinceMs: 0, untilMs: 0 },
    ];
    const facts = { ...missing(104 * HOUR_MS, 106 * HOUR_MS), declared };
    expect(reasonsOf(source(facts), period, rule)).toMatchObject([
      { code: 'gap', from: 4, to: 4, count: 1 },
      { code: 'declared-gap', from: 5, to: 5, count: 1 },
    ]);
    expect(codes({ declared })).toEqual([]);
  });

  it('of unrecorded requests counts where its time is', () => {
    const full = (sinceMs: number, untilMs: number) => ({
      declared: [{ from: 0, to: 0, reason: 'spool-full', unrecordedRequests: 7, sinceMs, untilMs }],
    });
    expect(codes(full(101 * HOUR_MS, 102 * HOUR_MS))).toEqual(['declared-gap']);
    expect(codes(full(90 * HOUR_MS, 91 * HOUR_MS))).toEqual([]);
  });

  it('that is longer than its list is told of', () => {
    expect(codes({ absent: 1 })).toEqual(['gap']);
  });
});

describe('the tail of a source', () => {
  const silent = { ended: null, heardMs: 105 * HOUR_MS } as const;

  it('is unknown where it was lost before the period ended, or before it began', () => {
    expect(codes(silent)).toEqual(['tail-unknown']);
    expect(codes({ ...silent, heardMs: 50 * HOUR_MS, bornMs: 49 * HOUR_MS, range: null })).toEqual([
      'tail-unknown',
    ]);
  });

  it('is known where it ended, was heard of later, or began later', () => {
    expect(codes({})).toEqual([]);
    expect(codes({ ...silent, heardMs: period.toMs + SETTLING_MS })).toEqual([]);
    expect(codes({ ...silent, heardMs: period.toMs + SETTLING_MS - 1 })).toEqual(['tail-unknown']);
    expect(codes({ ...silent, bornMs: 150 * HOUR_MS, heardMs: 151 * HOUR_MS, range: null })).toEqual([]);
  });

  it('is unknown without a word that could be verified, however lately it sent events', () => {
    expect(codes({ ended: null, through: 0, heardMs: 199 * HOUR_MS })).toEqual(['tail-unknown']);
  });

  it('of an open source is awaited until it has spoken after the end', () => {
    const near = { ...rule, nowMs: period.toMs + SETTLING_MS };
    const open = source({ ended: null, heardMs: near.nowMs - 5_000 });
    expect(reasonsOf(open, period, near)).toMatchObject([{ code: 'not-heard-since', from: 51 }]);
  });
});

describe('the bytes', () => {
  it('that differ from the source’s own chain are a reason where it lived in the period', () => {
    expect(codes({ mismatch: 9, verified: 3 })).toEqual(['chain-mismatch']);
    expect(codes({ conflicts: 1 })).toEqual(['conflict']);
    const elsewhere = { range: null, bornMs: 10 * HOUR_MS, heardMs: 20 * HOUR_MS };
    expect(codes({ ...elsewhere, mismatch: 9 })).toEqual([]);
  });
});

it('a source without events in the period concerns it only where it may hold some', () => {
  const elsewhere = source({ range: null, bornMs: 10 * HOUR_MS, heardMs: 20 * HOUR_MS });
  expect(concerns(elsewhere, period, rule)).toBe(false);
  expect(concerns({ ...elsewhere, ended: null }, period, rule)).toBe(true);
  expect(concerns({ ...elsewhere, heardMs: 104 * HOUR_MS }, period, rule)).toBe(true);
});

it('young requests are in flight, unless they contradict themselves', () => {
  const request = (requestId: string, happenedMs: number, finals = 0) => ({
    requestId,
    happenedMs,
    requests: 1,
    allowed: 1,
    refused: 0,
    finals,
  });
  expect(
    groupRequests([request('b', rule.nowMs - 1), request('a', 0), request('c', rule.nowMs - 1, 2)], rule),
  ).toEqual([
    { code: 'in-flight', count: 1, examples: ['b'] },
    { code: 'without-final-usage', count: 1, examples: ['a'] },
    { code: 'contradictory', count: 1, examples: ['c'] },
  ]);
});

it('a verdict is complete without any reason, and unknown only where nothing is known to be missing', () => {
  const code = fc.constantFrom('gap' as const, 'tail-unknown' as const, 'in-flight' as const);
  fc.assert(
    fc.property(fc.array(code), (all) => {
      const verdict = verdictOf(all.map((each) => ({ code: each, detail: '' })));
      expect(verdict === 'complete').toBe(all.length === 0);
      expect(verdict === 'tail-unknown').toBe(all.length > 0 && all.every((each) => each === 'tail-unknown'));
    }),
  );
});

it('a period lies on quarters of an hour and is no longer than a year', () => {
  expect(periodFault(period)).toBeNull();
  expect(periodFault({ fromMs: 900_000, toMs: 1_800_000 })).toBeNull();
  expect(periodFault({ fromMs: 1, toMs: 900_000 })).not.toBeNull();
  expect(periodFault({ fromMs: 0, toMs: 0 })).not.toBeNull();
  expect(periodFault({ fromMs: 0, toMs: 400 * 24 * HOUR_MS })).not.toBeNull();
});

describe('a source that was acknowledged to be lost', () => {
  const dead = (hours: number) => ({ deadMs: hours * HOUR_MS, by: 'user:ann', reason: 'the disk is gone' });
  const lost = { ended: null, heardMs: 105 * HOUR_MS } as const;

  it('leaves the period in which it was lost unproven, and no later one', () => {
    expect(codes(lost)).toEqual(['tail-unknown']);
    expect(codes({ ...lost, loss: dead(106) })).toEqual(['acknowledged-loss']);
    expect(verdictOf(reasonsOf(source({ ...lost, loss: dead(106) }), period, rule))).toBe('tail-unknown');
    // It may have written until it was known to be dead.
    expect(codes({ ...lost, heardMs: 90 * HOUR_MS, loss: dead(101) })).toEqual(['acknowledged-loss']);
    expect(codes({ ...lost, heardMs: 90 * HOUR_MS, loss: dead(99) })).toEqual([]);
    expect(concerns(source({ ...lost, range: null, loss: dead(99) }), period, rule)).toBe(false);
  });

  it('has gaps that nobody waits for, where they can belong', () => {
    const gap = missing(99 * HOUR_MS, null);
    expect(codes({ ...lost, ...gap, loss: dead(106) })).toEqual(['acknowledged-gap', 'acknowledged-loss']);
    expect(codes({ ...lost, ...missing(90 * HOUR_MS, null), absent: 9, loss: dead(99) })).toEqual([]);
    expect(verdictOf(reasonsOf(source({ ...lost, ...gap, loss: dead(106) }), period, rule))).toBe(
      'incomplete',
    );
  });

  it('never makes a period look better than one in which nothing was lost, nor worse than before it was acknowledged', () => {
    const rank = { complete: 0, 'tail-unknown': 1, incomplete: 2 } as const;
    const hours = fc.integer({ min: 80, max: 130 });
    fc.assert(
      fc.property(hours, hours, hours, fc.option(hours), fc.boolean(), (born, heard, death, after, gap) => {
        const heardMs = Math.max(born, heard) * HOUR_MS;
        const facts = source({
          ended: null,
          bornMs: born * HOUR_MS,
          heardMs,
          range: null,
          ...(gap ? missing(born * HOUR_MS, after === null ? null : after * HOUR_MS) : {}),
        });
        const deadMs = Math.max(heardMs, death * HOUR_MS);
        const known = { ...facts, loss: { deadMs, by: 'user:ann', reason: 'gone' } };
        const [before, afterwards] = [facts, known].map(
          (each) => rank[verdictOf(reasonsOf(each, period, rule))],
        );
        expect(afterwards).toBeLessThanOrEqual(before ?? 0);
        // While it may have been alive and unheard in the period, the period is not complete.
        const unheard = heardMs < period.toMs + SETTLING_MS && deadMs >= period.fromMs;
        if (unheard && born * HOUR_MS < period.toMs) expect(afterwards).toBeGreaterThan(0);
      }),
    );
  });
});
