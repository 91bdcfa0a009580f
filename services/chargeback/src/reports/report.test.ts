import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assembleReport, type ReportPart } from './report.ts';

function part(group: string | null, currency: string | null, requests: bigint, amount = '0'): ReportPart {
  return { group: [group], currency, counts: { requests }, amount };
}

const shown = (parts: readonly ReportPart[]) =>
  assembleReport(['team'], parts).lines.map(
    (line) => `${line.group[0]} ${line.currency} ${line.counts.requests} ${line.amount}`,
  );

describe('assembleReport', () => {
  it('puts usage and charges of a group into one line', () => {
    expect(shown([part('b', 'USD', 3n), part('b', 'USD', 0n, '0.25'), part('a', 'USD', 1n, '0.5')])).toEqual([
      'a USD 1 0.5',
      'b USD 3 0.25',
    ]);
  });

  it('adds what has no currency to the only currency of its group', () => {
    expect(shown([part('a', 'USD', 3n, '1'), part('a', null, 2n)])).toEqual(['a USD 5 1']);
    expect(shown([part('a', null, 2n)])).toEqual(['a null 2 0']);
  });

  it('never adds currencies up', () => {
    const parts = [part('a', 'USD', 3n, '1'), part('a', 'EUR', 2n, '2'), part('a', null, 1n)];
    expect(shown(parts)).toEqual(['a null 1 0', 'a EUR 2 2', 'a USD 3 1']);
    expect(assembleReport(['team'], parts).totals.map((line) => line.amount)).toEqual(['0', '2', '1']);
  });

  it('counts everything once, in lines and in totals, per currency to the last digit', () => {
    const parts = fc.array(
      fc
        .record({
          group: fc.constantFrom('a', 'b', null),
          currency: fc.constantFrom('USD', 'EUR', null),
          requests: fc.bigInt({ min: 0n, max: 1000n }),
          nanos: fc.bigInt({ min: 0n, max: 10n ** 15n }),
        })
        .map(({ group, currency, requests, nanos }) =>
          part(group, currency, requests, currency === null ? '0' : `0.${String(nanos).padStart(20, '0')}`),
        ),
    );
    fc.assert(
      fc.property(parts, (all) => {
        const report = assembleReport(['team'], all);
        const requests = all.reduce((sum, each) => sum + (each.counts.requests ?? 0n), 0n);
        for (const lines of [report.lines, report.totals]) {
          expect(lines.reduce((sum, line) => sum + BigInt(line.counts.requests), 0n)).toBe(requests);
          for (const currency of ['USD', 'EUR']) {
            const expected = all.filter((each) => each.currency === currency).map((each) => each.amount);
            const found = lines.filter((line) => line.currency === currency).map((line) => line.amount);
            expect(units(found)).toBe(units(expected));
          }
        }
      }),
    );
  });
});

/** The sum in units of 10^-20. */
function units(amounts: readonly string[]): bigint {
  return amounts.reduce((sum, amount) => {
    const [whole = '0', fraction = ''] = amount.split('.');
    return sum + BigInt(whole + fraction.padEnd(20, '0'));
  }, 0n);
}
