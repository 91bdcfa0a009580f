import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Amount, multiplyPrice } from './index.ts';

const charge = (quantity: number | bigint, price: string, unitSize: number): string =>
  multiplyPrice(quantity, { price: Amount.of(price), unitSize }).toString();

describe('a charge', () => {
  test('is quantity times price per unit size, to the last digit', () => {
    expect(charge(1, '0.54', 1_000_000)).toBe('0.00000054');
    expect(charge(18_059_974, '0.54', 1_000_000)).toBe('9.75238596');
    expect(charge(3n, '0.07', 1)).toBe('0.21');
    expect(charge(1, '1', 8)).toBe('0.125');
    expect(charge(7, '0.000000000000000001', 1_000)).toBe('0.000000000000000000007');
    expect(charge(0, '5', 1_000_000)).toBe('0');
  });

  test('of a sum is the sum of charges, whatever the split', () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: 0n, max: 10n ** 15n }), { maxLength: 8 }),
        fc.bigInt({ min: 0n, max: 10n ** 20n }),
        fc.constantFrom(1, 2, 5, 8, 1_000, 1_000_000, 78_125),
        (quantities, priceUnits, unitSize) => {
          const price = { price: Amount.ofUnits(priceUnits, 18), unitSize };
          const whole = multiplyPrice(
            quantities.reduce((sum, each) => sum + each, 0n),
            price,
          );
          const parts = Amount.sum(quantities.map((quantity) => multiplyPrice(quantity, price)));
          expect(parts.toString()).toBe(whole.toString());
          // Multiplied back it is what was divided.
          expect(
            whole.times(unitSize).equals(price.price.times(quantities.reduce((a, b) => a + b, 0n))),
          ).toBe(true);
        },
      ),
    );
  });

  test('is refused where it would have no end, or the quantity is a fraction', () => {
    for (const size of [3, 3_600, 0, -1, 0.5]) {
      expect(() => charge(1, '1', size)).toThrowError(expect.objectContaining({ code: 'inexact-unit-size' }));
    }
    expect(() => charge(1.5, '1', 1)).toThrowError(expect.objectContaining({ code: 'not-an-integer' }));
  });
});
