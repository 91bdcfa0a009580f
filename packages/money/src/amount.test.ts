import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Amount, Money } from './index.ts';

/** A decimal as units and scale, from which the truth is reckoned in bigints. */
const decimal = fc.record({
  units: fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
  scale: fc.integer({ min: 0, max: 24 }),
});

const code = (expected: string): unknown => expect.objectContaining({ code: expected, name: 'MoneyError' });

describe('an amount', () => {
  test('is read from and written to text without loss, in canonical form', () => {
    for (const [text, canonical] of [
      ['0', '0'],
      ['-0', '0'],
      ['-0.000', '0'],
      ['007.10', '7.1'],
      ['0.000000000000000000000000000001', '0.000000000000000000000000000001'],
      ['123456789012345678901234567890', '123456789012345678901234567890'],
      ['-12.3400', '-12.34'],
    ] as const) {
      expect(Amount.of(text).toString()).toBe(canonical);
      expect(JSON.stringify({ amount: Amount.of(text) })).toBe(`{"amount":"${canonical}"}`);
    }
  });

  test('agrees with bigints in sum, difference, product and order', () => {
    fc.assert(
      fc.property(decimal, decimal, (left, right) => {
        const [a, b] = [Amount.ofUnits(left.units, left.scale), Amount.ofUnits(right.units, right.scale)];
        const scale = Math.max(left.scale, right.scale);
        const [x, y] = [a.toUnits(scale), b.toUnits(scale)];
        expect(a.plus(b).toUnits(scale)).toBe(x + y);
        expect(a.minus(b).toUnits(scale)).toBe(x - y);
        expect(a.times(b).toUnits(left.scale + right.scale)).toBe(left.units * right.units);
        expect(a.compare(b)).toBe(x < y ? -1 : x > y ? 1 : 0);
        expect(a.equals(b)).toBe(x === y);
        expect(a.toString() === b.toString()).toBe(x === y);
      }),
    );
  });

  test('comes back the same from its text, from its units and from fixed digits', () => {
    fc.assert(
      fc.property(decimal, ({ units, scale }) => {
        const amount = Amount.ofUnits(units, scale);
        expect(Amount.of(amount.toString()).equals(amount)).toBe(true);
        expect(amount.toUnits(scale)).toBe(units);
        expect(Amount.of(amount.toFixed(scale + 2)).equals(amount)).toBe(true);
      }),
    );
  });

  test('adds what floats cannot', () => {
    expect(Amount.sum([Amount.of('0.1'), Amount.of('0.2')]).toString()).toBe('0.3');
    expect(Amount.sum([]).toString()).toBe('0');
  });

  test('is not made from a JS number with a fraction, nor from one too large to be exact', () => {
    for (const number of [0.1, -1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => Amount.of(number)).toThrowError(code('not-an-integer'));
      expect(() => Amount.of('1').times(number)).toThrowError(code('not-an-integer'));
    }
    expect(Amount.of(Number.MAX_SAFE_INTEGER).toString()).toBe('9007199254740991');
  });

  test('is not made from other text', () => {
    for (const text of ['', ' 1', '+1', '1e3', '.5', '1.', '1,5', 'NaN', '0x10', '1'.repeat(201)]) {
      expect(() => Amount.of(text)).toThrowError(code('not-a-decimal'));
    }
  });

  test('rounds only when asked, by the mode asked for', () => {
    const rounded = (text: string, mode: 'half-even' | 'half-up'): string =>
      Amount.of(text).rounded(2, mode).toString();
    expect([rounded('0.125', 'half-even'), rounded('0.135', 'half-even')]).toEqual(['0.12', '0.14']);
    expect([rounded('0.125', 'half-up'), rounded('-0.125', 'half-up')]).toEqual(['0.13', '-0.13']);
    expect(rounded('-0.001', 'half-up')).toBe('0');
    expect(() => Amount.of('0.125').toFixed(2)).toThrowError(code('finer-than-scale'));
    expect(() => Amount.of('0.125').toUnits(2)).toThrowError(code('finer-than-scale'));
    expect(Amount.of('-0.000').toFixed(2)).toBe('0.00');
    expect(() => Amount.of('1').toFixed(-1)).toThrowError(code('bad-scale'));
  });
});

describe('money', () => {
  test('adds and compares within its currency', () => {
    const total = Money.sum([Money.of('0.10', 'EUR'), Money.of('0.20', 'EUR')], 'EUR');
    expect(total.toString()).toBe('0.3 EUR');
    expect(JSON.parse(JSON.stringify(total))).toEqual({ amount: '0.3', currency: 'EUR' });
    expect(total.minus(Money.of(1, 'EUR')).negated().compare(Money.of('0.7', 'EUR'))).toBe(0);
    expect(Money.sum([], 'USD').equals(Money.of(0, 'USD'))).toBe(true);
  });

  test('never meets another currency', () => {
    const [euro, dollar] = [Money.of(1, 'EUR'), Money.of(1, 'USD')];
    expect(() => euro.plus(dollar)).toThrowError(code('currency-mismatch'));
    expect(() => euro.minus(dollar)).toThrowError(code('currency-mismatch'));
    expect(() => euro.compare(dollar)).toThrowError(code('currency-mismatch'));
    expect(() => Money.sum([dollar], 'EUR')).toThrowError(code('currency-mismatch'));
    expect(euro.equals(dollar)).toBe(false);
  });

  test('knows a currency by three capital letters', () => {
    for (const currency of ['', 'eur', 'EURO', 'E1R']) {
      expect(() => Money.of(1, currency)).toThrowError(code('bad-currency'));
    }
  });

  test('cannot be changed', () => {
    expect(() => Object.assign(Money.of(1, 'EUR'), { currency: 'USD' })).toThrow(TypeError);
  });
});
