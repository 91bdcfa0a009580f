import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, test } from 'vitest';
import { ExpressionProgram } from './expression-program.ts';
import { ExpressionSearch, type SearchedText } from './expression-search.ts';
import { DLP_UNITS, EXPRESSIONS } from './testing/texts.ts';

interface Match {
  readonly start: number;
  readonly end: number;
}

/** All matches, as the search finds them in a text that is all there. */
function found(regex: string, text: string, maxChars: number): Match[] {
  const search = new ExpressionSearch(new ExpressionProgram(regex), maxChars);
  const whole: SearchedText = {
    characterAt: (place) => text.codePointAt(place) ?? -1,
    characterBefore(place) {
      const before = text.codePointAt(place - 2) ?? -1;
      return before > 0xffff ? before : place === 0 ? -1 : text.charCodeAt(place - 1);
    },
  };
  const matches: Match[] = [];
  let place = 0;
  while (place <= text.length) {
    const character = whole.characterAt(place);
    const settled = search.step(whole, place, character);
    if (settled && search.foundEnd > search.foundStart) {
      matches.push({ start: search.foundStart, end: search.foundEnd });
    }
    if (settled) place = search.resume();
    else place += character > 0xffff ? 2 : 1;
  }
  return matches;
}

/** Every match of at most so many characters, wherever it begins: by asking the engine about each part of the text. */
function everyMatch(regex: string, text: string, maxChars: number): Match[] {
  const engine = RE2JS.compile(`^(?:${regex})$`);
  const matches: Match[] = [];
  for (let start = 0; start < text.length; start += 1) {
    for (let end = start + 1; end <= Math.min(text.length, start + maxChars); end += 1) {
      // Half a character is none.
      if (isInside(text, start) || isInside(text, end)) continue;
      if (engine.test(text.slice(start, end))) matches.push({ start, end });
    }
  }
  return matches;
}

function isInside(text: string, place: number): boolean {
  return place > 0 && (text.codePointAt(place - 1) ?? 0) > 0xffff;
}

/** Without `\b`, `^` and `$`, whose meaning depends on what stands around a part of a text. */
const CONTEXT_FREE = EXPRESSIONS.filter((regex) => !/\\[bB]|\^key|\$/.test(regex));

const texts = fc
  .array(fc.constantFrom(...DLP_UNITS.filter((unit) => unit.length < 20), 'aaaa', 'ab'), { maxLength: 12 })
  .map((units) => units.join(''));

describe('a search', () => {
  test('finds what RE2 finds where no match is too long', () => {
    fc.assert(
      fc.property(fc.constantFrom(...EXPRESSIONS), texts, (regex, text) => {
        const matcher = RE2JS.compile(regex).matcher(text);
        const wanted: Match[] = [];
        for (let at = 0; at <= text.length && matcher.find(at); ) {
          if (matcher.end() > matcher.start()) wanted.push({ start: matcher.start(), end: matcher.end() });
          at = Math.max(matcher.end(), matcher.start() + 1);
        }
        expect(found(regex, text, 1_000)).toEqual(wanted);
      }),
      { numRuns: 1_000 },
    );
  });

  test('finds no match longer than it may, and touches every one that is not', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CONTEXT_FREE),
        texts,
        fc.integer({ min: 1, max: 12 }),
        (regex, text, most) => {
          const seen = found(regex, text, most);
          const all = everyMatch(regex, text, most);
          for (const { start, end } of seen) expect(all).toContainEqual({ start, end });
          for (const { start, end } of all) {
            expect(seen.some((one) => one.start < end && start < one.end)).toBe(true);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ['é+|😀.', 'éé', 1, [0, 1]],
    ['a+', 'aaaaa', 2, [0, 2, 4]],
  ])(
    'finds the matches of %s in %s of at most %i, none of them hidden by a later one',
    (regex, text, most, starts) => {
      expect(found(regex, text, most).map(({ start }) => start)).toEqual(starts);
    },
  );

  test('holds on to the earliest beginning of what may still match', () => {
    const search = new ExpressionSearch(new ExpressionProgram('ab+c|bd'), 1_000);
    const text = 'xxabbb';
    const whole: SearchedText = {
      characterAt: (place) => text.charCodeAt(place),
      characterBefore: (place) => (place === 0 ? -1 : text.charCodeAt(place - 1)),
    };
    const holds = [...text].map((character, place) => {
      search.step(whole, place, character.charCodeAt(0));
      return search.hold;
    });
    expect(holds).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 2, 2, 2, 2]);
    search.step(whole, text.length, 'e'.charCodeAt(0));
    expect(search.hold).toBe(Number.POSITIVE_INFINITY);
  });
});
