import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gapsAmong, type Missing, missingNow } from './missing.ts';
import { NONE, withNumbers } from './ranges.ts';

const GRACE_MS = 30_000;

describe('missing numbers', () => {
  it('become gaps only after the grace', () => {
    const missing = missingNow([], withNumbers(NONE, [1, 2, 5]), 6, 1_000);
    expect(missing).toEqual([
      { from: 3, to: 4, sinceMs: 1_000 },
      { from: 6, to: 6, sinceMs: 1_000 },
    ]);
    expect(gapsAmong(missing, 1_000 + GRACE_MS - 1, GRACE_MS)).toEqual([]);
    expect(gapsAmong(missing, 1_000 + GRACE_MS, GRACE_MS)).toEqual([
      [3, 4],
      [6, 6],
    ]);
  });

  it('keep their first instant when the gap is half refilled, and vanish when it is whole', () => {
    const first = missingNow([], withNumbers(NONE, [1]), 5, 1_000);
    const half = missingNow(first, withNumbers(NONE, [1, 3]), 6, 9_000);
    expect(half).toEqual([
      { from: 2, to: 2, sinceMs: 1_000 },
      { from: 4, to: 5, sinceMs: 1_000 },
      { from: 6, to: 6, sinceMs: 9_000 },
    ]);
    expect(missingNow(half, withNumbers(NONE, [1, 2, 3, 4, 5, 6]), 6, 10_000)).toEqual([]);
  });

  it('shows one gap where neighbours were missed at different times', () => {
    const first = missingNow([], NONE, 2, 0);
    const then = missingNow(first, NONE, 4, 5);
    expect(gapsAmong(then, GRACE_MS + 5, GRACE_MS)).toEqual([[1, 4]]);
  });

  it('are always exactly what is neither received nor beyond through, each since it was first absent', () => {
    const step = fc.record({
      numbers: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 8 }),
      through: fc.nat({ max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let received = NONE;
        let through = 0;
        let missing: readonly Missing[] = [];
        const since = new Map<number, number>();
        for (const [now, next] of steps.entries()) {
          received = withNumbers(received, next.numbers);
          through = Math.max(through, next.through);
          missing = missingNow(missing, received, through, now);
          const have = new Set(
            received.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i)),
          );
          for (let n = 1; n <= through; n += 1) {
            if (have.has(n)) since.delete(n);
            else if (!since.has(n)) since.set(n, now);
          }
        }
        const actual = missing.flatMap(({ from, to, sinceMs }) =>
          Array.from({ length: to - from + 1 }, (_, i) => [from + i, sinceMs]),
        );
        expect(actual).toEqual([...since].sort((a, b) => a[0] - b[0]));
      }),
    );
  });
});
