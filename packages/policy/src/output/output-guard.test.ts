import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, test } from 'vitest';
import { parsePolicyConfig } from '../configuration/load.ts';
import { piiFinder } from '../pii-detector/pii-detector.ts';
import { Redactions, type Span, withoutOverlaps } from '../texts/redactions.ts';
import { compileOutput, OutputGuard } from './output-guard.ts';

const OUTPUT = { apply_to: ['output'] };

function guardOf(chain: readonly string[], policy: Record<string, object>, redactions = new Redactions()) {
  const sections = Object.fromEntries(chain.map((name) => [name, { ...OUTPUT, ...policy[name] }]));
  const pack = { name: 'p', version: '1.0.0', enabled: true };
  const file = JSON.stringify({ pack, policies: { chain }, policy: sections });
  const compiled = compileOutput(parsePolicyConfig(file, { env: {} }));
  return new OutputGuard(compiled, redactions);
}

interface Outcome {
  readonly text: string;
  readonly findings: readonly string[];
  readonly blocked: string | null;
}

function outcome(guard: OutputGuard, pieces: readonly string[]): Outcome {
  const window = guard.begin();
  const text = pieces.map((piece) => window.push(piece)).join('') + window.end();
  const findings = guard
    .findings()
    .map(({ policy, rule, action, count }) => `${policy} ${rule} ${action} ${count}`);
  return { text, findings, blocked: guard.blocked === null ? null : guard.blocked.rule };
}

/** A text cut at places given as parts of its length; cuts fall within surrogate pairs, too. */
function cut(text: string, places: readonly number[]): string[] {
  const at = [...new Set(places.map((place) => Math.floor(place * text.length)))].sort((a, b) => a - b);
  return [0, ...at].map((from, index) => text.slice(from, at[index] ?? text.length));
}

const cuts = fc.oneof(
  fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
  // Each character on its own.
  fc.constant(Array.from({ length: 600 }, (_, index) => index / 600)),
);

/** Pieces of which the entities are made, and what may stand between and beside them. */
const PII_UNITS = [
  'Maria',
  'Garcia',
  'John',
  'Smith',
  'Jean-Luc',
  "O'Brien",
  'Dr.',
  'Mr.',
  'van',
  'der',
  'de',
  'la',
  'J.',
  'F.',
  'I',
  'The',
  'said',
  'my',
  'name',
  'is',
  'from',
  'dear',
  'Berlin',
  'NATO',
  'hello',
  'and',
  'müller',
  'Müller',
  'Сергей',
  'Иванов',
  'maria.garcia@example.com',
  'a@b.net',
  '@',
  '.',
  'x%40y.org',
  'logo@2x.png',
  'user＠host.de',
  '4111 1111 1111 1111',
  '4111',
  '1111',
  '5500-0000-0000-0004',
  '378282246310005',
  '42',
  '2024-01-15',
  '12.5',
  'DE89 3704 0044 0532 0130 00',
  'DE89',
  '3704',
  '0044',
  'GB29',
  'NWBK',
  '6016',
  '1331',
  '9268',
  '19',
  '+49 30 901820',
  '+49',
  '030',
  '901820',
  '(030)',
  '-',
  '/',
  '+1 (415) 555-2671',
  '415',
  '555-2671',
  'phone',
  'call',
  'tel.',
  '123-45-6789',
  '123',
  '45',
  '6789',
  'ssn',
  '123456789',
  'version',
  '10.0.0.1',
  '192.168.1',
  '::1',
  'fe80::1',
  '2001:db8::1',
  'ab',
  'cd',
  '12',
  '34',
  '56',
  '78',
  '请联系',
  '张三',
  '，',
  '😀',
  'é',
  'x'.repeat(70),
  '1'.repeat(30),
];
const GAPS = [
  ' ',
  ' ',
  ' ',
  ' ',
  '',
  '',
  '\n',
  '  ',
  ', ',
  '. ',
  '"',
  '-',
  ' - ',
  ': ',
  '; ',
  '\u00a0',
  '\t',
  '(',
];

const textOf = (units: readonly string[]) =>
  fc
    .array(fc.tuple(fc.constantFrom(...units), fc.constantFrom(...GAPS)), { minLength: 1, maxLength: 14 })
    .map((parts) => parts.flat().join(''));

const REGIONS = ['US', 'GB', 'DE', 'FR', 'ES', 'IT', 'NL', 'IN', 'BR', 'AU'];
const ENTITIES = [
  'PERSON',
  'EMAIL_ADDRESS',
  'PHONE_NUMBER',
  'CREDIT_CARD',
  'IBAN',
  'US_SSN',
  'IP_ADDRESS',
] as const;
const find = piiFinder({ entities: ENTITIES, phoneRegions: REGIONS });

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
      { numRuns: Number(process.env['RUNS'] ?? 300) },
    );
  });
});

const EXPRESSIONS = [
  'dapi[a-f0-9]{32}',
  'key-[a-z]{3,12}',
  String.raw`\bkey\b`,
  '(?m)^key',
  'key|keyring',
  String.raw`[a-z]+\.[a-z]+`,
  String.raw`[a-z_]+\.[a-z_]+\.[a-z_]+`,
  '(a|ab)(c|bcd)',
  'a+?b',
  'a.*b|a',
  '(?s)a.{2,9}b$',
  String.raw`\b`,
  'é+|😀.',
  '(?i)KEY',
  'x*y*z',
  String.raw`\Bkey`,
  '[^a]b',
  '(a+)+b',
];
const DLP_UNITS = [
  'key',
  'keyring',
  'key-abc',
  'KEY',
  'a',
  'b',
  'c',
  'bcd',
  'ab',
  '.',
  '_',
  'x',
  'y',
  'z',
  'é',
  '😀',
  'catalog',
  '\n',
  `dapi${'0a'.repeat(16)}`,
  `dapi${'0a'.repeat(15)}`,
];

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
      { numRuns: Number(process.env['RUNS'] ?? 300) },
    );
  });
});
