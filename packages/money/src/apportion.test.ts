import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Amount, apportion } from './index.ts';

const shares = (total: string, weights: readonly (string | number)[], scale: number): string[] =>
  apportion(Amount.of(total), weights, scale).map(String);

const problem = fc.record({
  units: fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }),
  scale: fc.integer({ min: 0, max: 6 }),
  weights: fc
    .array(fc.oneof(fc.constant(0n), fc.bigInt({ min: 0n, max: 10n ** 9n })), { minLength: 1, maxLength: 20 })
    .filter((weights) => weights.some((weight) => weight > 0n)),
});

describe('apportionment', () => {
  test('gives the units left over to the largest remainders, and of equal ones to the earlier', () => {
    expect(shares('100', [1, 1, 1], 2)).toEqual(['33.34', '33.33', '33.33']);
    expect(shares('0.05', [1, 1, 1], 2)).toEqual(['0.02', '0.02', '0.01']);
    expect(shares('10', ['0.5', '0.25', '0.25'], 0)).toEqual(['5', '3', '2']);
    expect(shares('-100', [1, 1, 1], 2)).toEqual(['-33.34', '-33.33', '-33.33']);
    expect(shares('0', [0, 0], 2)).toEqual(['0', '0']);
    expect(shares('0', [], 2)).toEqual([]);
  });

  test('conserves the total at every scale, and keeps each share within a unit of its exact value', () => {
    fc.assert(
      fc.property(problem, ({ units, scale, weights }) => {
        const given = apportion(Amount.ofUnits(units, scale), weights, scale).map((share) =>
          share.toUnits(scale),
        );
        expect(given.reduce((sum, share) => sum + share, 0n)).toBe(units);
        const sum = weights.reduce((left, right) => left + right, 0n);
        for (const [index, share] of given.entries()) {
          const distance = share * sum - units * (weights[index] ?? 0n);
          expect(distance < sum && distance > -sum).toBe(true);
        }
      }),
    );
  });

  test('gives nothing for no weight, and never less for more weight', () => {
    fc.assert(
      fc.property(problem, ({ units, scale, weights }) => {
        const total = units < 0n ? -units : units;
        const given = apportion(Amount.ofUnits(total, scale), weights, scale).map((share) =>
          share.toUnits(scale),
        );
        for (const [one, weight] of weights.entries()) {
          if (weight === 0n) expect(given[one]).toBe(0n);
          for (const [other, otherWeight] of weights.entries()) {
            if (weight > otherWeight) expect((given[one] ?? 0n) >= (given[other] ?? 0n)).toBe(true);
          }
        }
      }),
    );
  });

  test('does not depend on the unit of the weights', () => {
    fc.assert(
      fc.property(problem, fc.bigInt({ min: 1n, max: 1_000_000n }), ({ units, scale, weights }, factor) => {
        const total = Amount.ofUnits(units, scale);
        const scaled = weights.map((weight) => Amount.ofUnits(weight * factor, 7));
        expect(apportion(total, scaled, scale).map(String)).toEqual(
          apportion(total, weights, scale).map(String),
        );
      }),
    );
  });

  test('refuses a total finer than the scale, negative weights, and weights that are all zero', () => {
    expect(() => shares('0.001', [1], 2)).toThrowError(expect.objectContaining({ code: 'finer-than-scale' }));
    expect(() => shares('1', [2, -1], 2)).toThrowError(expect.objectContaining({ code: 'bad-weights' }));
    expect(() => shares('1', [0, 0], 2)).toThrowError(expect.objectContaining({ code: 'bad-weights' }));
    expect(() => shares('1', [], 2)).toThrowError(expect.objectContaining({ code: 'bad-weights' }));
    expect(() => shares('1', [0.5], 2)).toThrowError(expect.objectContaining({ code: 'not-an-integer' }));
  });
});
