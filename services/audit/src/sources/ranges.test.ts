import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  contains,
  difference,
  greatest,
  NONE,
  prefix,
  type Ranges,
  size,
  union,
  withNumbers,
} from './ranges.ts';

const numbers = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 50 });
const rangesOf = (values: readonly number[]) => withNumbers(NONE, values);

function members(ranges: Ranges): number[] {
  return ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
}

function sorted(values: Iterable<number>): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

function expectNormal(ranges: Ranges): void {
  for (const [i, [from, to]] of ranges.entries()) {
    expect(from).toBeLessThanOrEqual(to);
    const before = ranges[i - 1];
    if (before !== undefined) expect(from).toBeGreaterThan(before[1] + 1);
  }
}

describe('ranges of received numbers', () => {
  it('hold exactly the numbers put in, in whatever order and portions they came', () => {
    fc.assert(
      fc.property(numbers, numbers, (first, second) => {
        const ranges = withNumbers(rangesOf(first), second);
        expectNormal(ranges);
        expect(members(ranges)).toEqual(sorted([...first, ...second]));
        expect(size(ranges)).toBe(new Set([...first, ...second]).size);
      }),
    );
  });

  it('behave as sets do', () => {
    fc.assert(
      fc.property(numbers, numbers, (left, right) => {
        const a = rangesOf(left);
        const b = rangesOf(right);
        const inA = new Set(left);
        const inB = new Set(right);
        for (const result of [union(a, b), difference(a, b)]) expectNormal(result);
        expect(members(union(a, b))).toEqual(sorted([...left, ...right]));
        expect(members(difference(a, b))).toEqual(sorted(left.filter((n) => !inB.has(n))));
        for (let n = 0; n <= 61; n += 1) expect(contains(a, n)).toBe(inA.has(n));
      }),
    );
  });

  it('know how far they go without a hole, and how far at all', () => {
    expect(prefix(rangesOf([2, 3]))).toBe(0);
    expect(prefix(rangesOf([1, 2, 3, 5]))).toBe(3);
    expect(greatest(rangesOf([1, 2, 3, 5]))).toBe(5);
    expect(greatest(NONE)).toBe(0);
  });
});
