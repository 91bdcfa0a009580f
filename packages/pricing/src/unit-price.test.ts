import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { amountOf, unitPrice } from './unit-price.ts';

describe('amountOf', () => {
  it.each([
    ['0.54', 1_000_000, 2400, '0.001296'],
    ['0.54', 1_000_000, 18_059_974, '9.75238596'],
    ['15.00', 1_000_000, 1_000_000, '15'],
    ['5', 1, 3, '15'],
    ['0.1', 1000, 10, '0.001'],
    ['0', 1, 1_000_000, '0'],
  ])('charges %s per %i: %i tokens are %s', (amount, per, quantity, expected) => {
    expect(amountOf(unitPrice(amount, per), quantity)).toBe(expected);
  });

  it('is quantity × amount ÷ per_quantity to the last digit, by another computation', () => {
    const decimal = fc
      .tuple(fc.bigInt({ min: 0n, max: 10n ** 12n }), fc.stringMatching(/^\d{0,18}$/))
      .map(([whole, fraction]) => (fraction === '' ? `${whole}` : `${whole}.${fraction}`));
    fc.assert(
      fc.property(decimal, fc.nat({ max: 9 }), fc.maxSafeNat(), (price, exponent, quantity) => {
        const result = amountOf(unitPrice(price, 10 ** exponent), quantity);
        // Both sides times 10^40, as whole numbers.
        const left = scaled(result, 40) * 10n ** BigInt(exponent);
        expect(left).toBe(scaled(price, 40) * BigInt(quantity));
        expect(result).not.toMatch(/\.\d*0$/);
      }),
    );
  });

  it.each([0, 3, 999_999, 1.5, -10])(
    'refuses a price per %d tokens, which no exact decimal divides',
    (per) => {
      expect(() => unitPrice('0.54', per)).toThrow(/power of ten/);
    },
  );

  it.each(['-1', '1e3', '1,5', '', '.5', ' 1'])('refuses the amount %j', (amount) => {
    expect(() => unitPrice(amount, 1)).toThrow(/decimal/);
  });
});

function scaled(decimal: string, digits: number): bigint {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(digits, '0'));
}
