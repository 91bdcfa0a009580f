import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isRepresentable } from './amount.ts';

it.each([
  ['0', true],
  ['-0.000000000000000001', true],
  ['0.0000000000000000010', true],
  ['0.0000000000000000001', false],
  ['99999999999999999999.999999999999999999', true],
  ['100000000000000000000', false],
  ['00100000000000000000.5', true],
  ['1e3', false],
])('DECIMAL(38,18) holds %s exactly: %s', (amount, expected) => {
  expect(isRepresentable(amount)).toBe(expected);
});

it('is what counting the digits that matter says', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 45n), max: 10n ** 45n }),
      fc.integer({ min: 0, max: 25 }),
      (units, scale) => {
        const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
        const cut = digits.length - scale;
        const text = `${units < 0n ? '-' : ''}${digits.slice(0, cut)}${scale > 0 ? `.${digits.slice(cut)}` : ''}`;
        // In units of 10^-18, if that is whole.
        const scaled = scale <= 18 ? units * 10n ** BigInt(18 - scale) : units;
        const divisor = scale <= 18 ? 1n : 10n ** BigInt(scale - 18);
        const exact = scaled % divisor === 0n;
        const magnitude = (scaled < 0n ? -scaled : scaled) / divisor;
        expect(isRepresentable(text)).toBe(exact && magnitude < 10n ** 38n);
      },
    ),
  );
});
