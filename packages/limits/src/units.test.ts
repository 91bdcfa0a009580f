import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatUnits, parseUnits, UNITS } from './units.ts';

describe('units', () => {
  it('are the same after a journey as text', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...UNITS),
        fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }),
        (unit, units) => {
          const bounded = unit === 'money' ? units : units / 10n ** 11n;
          expect(parseUnits(unit, formatUnits(unit, bounded))).toBe(bounded);
        },
      ),
    );
  });

  it.each([
    ['money', '12.50', 12_500_000_000_000_000_000n, '12.5'],
    ['money', '0.000000000000000001', 1n, '0.000000000000000001'],
    ['money', '-0.5', -500_000_000_000_000_000n, '-0.5'],
    ['money', '7', 7_000_000_000_000_000_000n, '7'],
    ['total-tokens', '100', 100n, '100'],
    ['requests', '3.000', 3n, '3'],
  ] as const)('of %s: %s is %s', (unit, text, units, canonical) => {
    expect(parseUnits(unit, text)).toBe(units);
    expect(formatUnits(unit, units)).toBe(canonical);
  });

  it.each([
    ['requests', '1.5'],
    ['input-tokens', '1e3'],
    ['money', '0.0000000000000000001'],
    ['money', '1,5'],
    ['money', ''],
    ['money', '.5'],
  ] as const)('of %s refuse %j', (unit, text) => {
    expect(() => parseUnits(unit, text)).toThrow(/whole number|decimal/);
  });
});
