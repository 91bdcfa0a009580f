import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, test } from 'vitest';
import { PII_ENTITIES } from '../configuration/schema/policy-schemas.ts';
import { piiFinder } from '../pii-detector/pii-detector.ts';
import { Redactions, type Span, withoutOverlaps } from '../texts/redactions.ts';
import { cut, guardOf, outcome } from './testing/output-under-test.ts';
import { DLP_UNITS, EXPRESSIONS, GAPS, PII_UNITS } from './testing/texts.ts';

/** Where to cut, as parts of a text's length. */
const cuts = fc.oneof(
  fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
  // Each character on its own.
  fc.constant(Array.from({ length: 600 }, (_, index) => index / 600)),
);

const textOf = (units: readonly string[]) =>
  fc
    .array(fc.tuple(fc.constantFrom(...units), fc.constantFrom(...GAPS)), { minLength: 1, maxLength: 14 })
    .map((parts) => parts.flat().join(''));

const REGIONS = ['US', 'GB', 'DE', 'FR', 'ES', 'IT', 'NL', 'IN', 'BR', 'AU'];
const find = piiFinder({ entities: PII_ENTITIES, phoneRegions: REGIONS });

/** What the whole text becomes, by the rules for requests. */
function redacted(text: string, spans: readonly Span[], redactions = new Redactions()): string {
  return redactions.redact(text, withoutOverlaps(spans), false);
}

describe('pii-detector on answers', () => {
  test('redacts what it would in the whole text, however this is cut', { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(textOf(PII_UNITS), cuts, (text, places) => {
        const spans = find(text);
        const seen = outcome(guardOf(['pii-detector'], {}), cut(text, places));
        expect(seen.text).toBe(redacted(text, spans));
      }),
      { numRuns: 300 },
    );
  });
});

function matches(regex: string, text: string): Span[] {
  const matcher = RE2JS.compile(regex).matcher(text);
  const spans: Span[] = [];
  let at = 0;
  while (at <= text.length && matcher.find(at)) {
    if (matcher.end() > matcher.start())
      spans.push({ start: matcher.start(), end: matcher.end(), label: 'REDACTED' });
    at = Math.max(matcher.end(), matcher.start() + 1);
  }
  return spans;
}

describe('dlp-filter on answers', () => {
  test('redacts what it would in the whole text, however this is cut', { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom(...EXPRESSIONS), { minLength: 1, maxLength: 3 }),
        textOf(DLP_UNITS),
        cuts,
        (regexes, text, places) => {
          const guard = guardOf(['dlp-filter'], {
            'dlp-filter': {
              action: 'redact',
              detect_patterns: regexes.filter((r) => !RE2JS.compile(r).test('')),
            },
          });
          const spans = regexes.flatMap((regex) => matches(regex, text));
          const seen = outcome(guard, cut(text, places));
          expect(seen.text).toBe(redacted(text, spans));
          const counts = regexes.flatMap((regex) => matches(regex, text).length);
          expect(seen.findings.map((finding) => Number(finding.split(' ').at(-1))).sort()).toEqual(
            counts.filter((count) => count > 0).sort(),
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** Settings with one action, or several, for one or both policies in either order. */
const chains = fc
  .record({
    names: fc.constantFrom(
      ['pii-detector'],
      ['dlp-filter'],
      ['pii-detector', 'dlp-filter'],
      ['dlp-filter', 'pii-detector'],
    ),
    pii: fc.constantFrom('redact', 'flag', 'block'),
    expressions: fc.uniqueArray(fc.constantFrom(...EXPRESSIONS), { minLength: 1, maxLength: 3 }),
    actions: fc.array(fc.constantFrom('redact', 'flag', 'block'), { minLength: 3, maxLength: 3 }),
  })
  .map(({ names, pii, expressions, actions }) => {
    const patterns = expressions.map((regex, index) => ({
      name: `e${index}`,
      regex,
      action: actions[index],
    }));
    return { names, policy: { 'pii-detector': { action: pii }, 'dlp-filter': { patterns } } };
  });

describe('a chain of policies on answers', () => {
  test('gives the same text, findings and end, however the text is cut', { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(chains, textOf([...PII_UNITS, ...DLP_UNITS]), cuts, ({ names, policy }, text, places) => {
        const whole = outcome(guardOf(names, policy), [text]);
        expect(outcome(guardOf(names, policy), cut(text, places))).toEqual(whole);
      }),
      { numRuns: 300 },
    );
  });

  test('lets nothing of a blocked match out, and everything before what may be part of one', () => {
    fc.assert(
      fc.property(textOf(PII_UNITS), cuts, (text, places) => {
        const [first] = find(text);
        const seen = outcome(
          guardOf(['pii-detector'], { 'pii-detector': { action: 'block' } }),
          cut(text, places),
        );
        expect(seen.text).toBe(first === undefined ? text : text.slice(0, first.start));
        expect(seen.blocked === null).toBe(first === undefined);
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...EXPRESSIONS), textOf(DLP_UNITS), cuts, (regex, text, places) => {
        const policy = { 'dlp-filter': { patterns: [{ name: 'e', regex, action: 'block' }] } };
        const [first] = matches(regex, text);
        const seen = outcome(guardOf(['dlp-filter'], policy), cut(text, places));
        expect(seen.blocked).toBe(first === undefined ? null : 'e');
        expect(text.slice(0, first?.start ?? text.length).startsWith(seen.text)).toBe(true);
        if (first === undefined) expect(seen.text).toBe(text);
      }),
    );
  });

  test('goes on with the numbers of the request, and knows its values again', () => {
    const redactions = new Redactions(['a@b.net <EMAIL_2>']);
    redactions.redact('a@b.net', [{ start: 0, end: 7, label: 'EMAIL' }], true);
    const guard = guardOf(['pii-detector'], {}, redactions);
    expect(outcome(guard, ['To a@', 'b.net, c@d', '.net, c@d.net']).text).toBe(
      'To a@b.net, <EMAIL_3>, <EMAIL_3>',
    );
    expect(guard.findings()).toEqual([
      { policy: 'pii-detector', rule: 'EMAIL_ADDRESS', action: 'redact', count: 3 },
    ]);
  });
});

describe('a text', () => {
  const passed = (names: readonly string[], policy: Record<string, object>, pieces: readonly string[]) => {
    const window = guardOf(names, policy).begin();
    return pieces.map((piece) => window.push(piece));
  };

  test.each<[string, Record<string, object>, string[], string[]]>([
    [
      'words without anything telling go on as they end',
      {},
      ['the quick', ' brown', ' fox '],
      ['the ', 'quick ', 'brown fox '],
    ],
    [
      'a name waits for the word after it',
      {},
      ['dear Maria', ' Garcia', ' came', ' here'],
      ['dear ', '', '', '<PERSON_1> came '],
    ],
    [
      'a number waits until it is over',
      {},
      ['on 030', ' 901820', ' or so '],
      ['on ', '', '<PHONE_1> or so '],
    ],
    [
      'what is only flagged waits for nothing',
      { 'pii-detector': { action: 'flag' } },
      ['dear Mar', 'ia Garcia'],
      ['dear Mar', 'ia Garcia'],
    ],
  ])('%s', (_, policy, pieces, expected) => {
    expect(passed(['pii-detector'], policy, pieces)).toEqual(expected);
  });

  test('an expression holds back what begins like it, and no more', () => {
    const policy = { 'dlp-filter': { detect_patterns: ['dapi[a-f0-9]{32}'] } };
    expect(passed(['dlp-filter'], policy, ['a good d', 'ay, dap', 'per day, dapi0', '1 and'])).toEqual([
      'a good ',
      'day, ',
      'dapper day, ',
      'dapi01 an',
    ]);
  });
});
