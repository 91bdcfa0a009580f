import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  faultOf,
  isSettled,
  type KnownRequest,
  type RequestTally,
  requestMark,
  sum,
  tallied,
} from './request-marks.ts';

const kinds = fc.constantFrom<keyof RequestTally>('requests', 'allowed', 'refused', 'finals');
const mark = (adds: keyof RequestTally, requestId = 'r1') => ({
  mark: { requestId, adds },
  happenedMs: 0,
  organisationId: 'org_1',
});

describe('a request', () => {
  it.each<{ marks: (keyof RequestTally)[]; fault: string | null }>([
    { marks: ['requests', 'allowed', 'finals'], fault: null },
    { marks: ['requests', 'refused'], fault: null },
    { marks: ['requests'], fault: 'without-decision' },
    { marks: ['requests', 'allowed'], fault: 'without-final-usage' },
    { marks: ['allowed', 'finals'], fault: 'without-request' },
    { marks: ['finals'], fault: 'without-request' },
    { marks: ['requests', 'refused', 'finals'], fault: 'contradictory' },
    { marks: ['requests', 'allowed', 'refused', 'finals'], fault: 'contradictory' },
    { marks: ['requests', 'allowed', 'finals', 'finals'], fault: 'contradictory' },
  ])('with $marks is $fault', ({ marks, fault }) => {
    const known = tallied(marks.map((adds) => mark(adds))).get('r1');
    if (known === undefined) throw new Error('not tallied');
    expect(isSettled(known)).toBe(fault === null);
    if (fault !== null) expect(faultOf(known)).toBe(fault);
  });

  it('comes to the same in whatever order and batches its events come', () => {
    fc.assert(
      fc.property(fc.array(kinds, { minLength: 1, maxLength: 8 }), fc.nat({ max: 8 }), (marks, cut) => {
        const whole = tallied(marks.map((adds) => mark(adds))).get('r1');
        const parts = [marks.slice(0, cut), marks.slice(cut)]
          .map((part) => tallied(part.map((adds) => mark(adds))).get('r1'))
          .filter((part) => part !== undefined);
        const together = parts.reduce<KnownRequest | undefined>(
          (before, part) => sum(before, part),
          undefined,
        );
        expect(together).toEqual(whole);
      }),
    );
  });
});

it('marks come of the three kinds that a request has to have, and of nothing else', () => {
  expect(requestMark('tollgate.decision.v1', 'r1', { phase: 'output', outcome: 'allowed' })).toBeNull();
  expect(requestMark('tollgate.usage.v1', 'r1', { final: false })).toBeNull();
  expect(requestMark('tollgate.charge.v1', 'r1', { final: true })).toBeNull();
  expect(requestMark('tollgate.decision.v1', 'r1', { phase: 'request', outcome: 'rejected' })).toEqual({
    requestId: 'r1',
    adds: 'refused',
  });
});
