import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, test } from 'vitest';
import { matchesOf, searchBudget } from './matches.ts';

const places = (expression: string, text: string): string[] =>
  matchesOf(RE2JS.compile(expression), text, 'X', searchBudget()).map(({ start, end }) => `${start}-${end}`);

/** All matches as the engine itself finds them, one after the other. */
function oracle(expression: string, text: string): string[] {
  const matcher = RE2JS.compile(expression).matcher(text);
  const found: string[] = [];
  while (matcher.find()) found.push(`${matcher.start()}-${matcher.end()}`);
  return found;
}

describe('the places of matches', () => {
  test('are those that the engine finds in the whole text, wherever the parts of it begin', () => {
    const expression = fc.constantFrom(
      'key-[a-z]{3,12}',
      String.raw`\bkey\b`,
      '(?m)^key',
      'key|keyring',
      String.raw`[a-z]+\.[a-z]+`,
    );
    const unit = fc.constantFrom('key-abc ', 'keyring ', 'key\n', 'a.b ', ' ', 'xkey ', 'key', 'ab');
    fc.assert(
      fc.property(
        expression,
        fc.array(unit, { minLength: 1, maxLength: 12 }),
        fc.nat(40),
        (pattern, units, shift) => {
          const text =
            'z'.repeat(shift) + ` ${units.join('')} `.repeat(Math.ceil(34_000 / units.join('').length));
          const wanted = oracle(pattern, text.slice(0, 36_000));
          fc.pre(wanted.length < 400);
          expect(places(pattern, text.slice(0, 36_000))).toEqual(wanted);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('of a match longer than is looked at are parts that touch, so that all of it is found', () => {
    const spans = matchesOf(RE2JS.compile('a+'), 'a'.repeat(150_000), 'X', searchBudget());
    expect(spans[0]?.start).toBe(0);
    expect(spans.at(-1)?.end).toBe(150_000);
    expect(spans.every(({ start }, index) => index === 0 || start === spans[index - 1]?.end)).toBe(true);
  });

  test('are given up where each of them costs the rest of the text, and that is seen', () => {
    const budget = searchBudget();
    matchesOf(RE2JS.compile('x.*y|x'), 'x'.repeat(200_000), 'X', budget);
    expect(budget.left).toBeLessThan(0);
  });
});
