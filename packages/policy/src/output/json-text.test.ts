import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Redactions } from '../texts/redactions.ts';
import { cut, guardOf } from './testing/output-under-test.ts';

/** JSON as models write it: with and without white space, characters escaped or not. */
const written = fc
  .tuple(fc.json({ maxDepth: 3 }), fc.constantFrom(undefined, 1), fc.boolean())
  .map(([json, indent, escaped]) => {
    const text = JSON.stringify({ value: JSON.parse(json) }, null, indent);
    return escaped
      ? text.replace(/[^\x20-\x7e\n]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      : text;
  });
const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 });

function passed(pieces: readonly string[], redactions = new Redactions(), policy: object = {}): string {
  const text = guardOf(['pii-detector'], { 'pii-detector': policy }, redactions).beginJson();
  return pieces.map((piece) => text.push(piece)).join('') + text.end();
}

describe('JSON in pieces', () => {
  test('means what it meant, however it is cut', () => {
    fc.assert(
      fc.property(written, places, (text, at) => {
        expect(JSON.parse(passed(cut(text, at), new Redactions(), { entities: ['US_SSN'] }))).toEqual(
          JSON.parse(text),
        );
      }),
    );
  });

  test.each([
    ['in a string', '{"to":"a@b.net"}', '{"to":"<EMAIL_1>"}'],
    ['behind an escape', '{"to":"x\\na\\u0040b.net\\""}', '{"to":"x\\n<EMAIL_1>\\""}'],
    ['in the name of a member', '{"a@b.net":1}', '{"<EMAIL_1>":1}'],
    ['in a number', '{"card":4111111111111111,"n":-1.5e3}', '{"card":"<CREDIT_CARD_1>","n":-1.5e3}'],
    ['in a list', '["a@b.net",null,"c"]', '["<EMAIL_1>",null,"c"]'],
    ['in what is no JSON', 'to a@b.net {', 'to <EMAIL_1> {'],
    ['in broken JSON', '{to a@b.net', '{to <EMAIL_1>'],
    ['at the end of half a string', '{"to":"a@b.net', '{"to":"<EMAIL_1>'],
  ])('is redacted %s, however it is cut', (_, text, expected) => {
    for (let at = 0; at <= text.length; at += 1) {
      expect(passed([text.slice(0, at), text.slice(at)])).toBe(expected);
    }
    expect(passed([...text])).toBe(expected);
  });

  test('gives what is restored the escapes it needs', () => {
    const value = 'C:\\new "x"\u0001\ud83d\n';
    const redactions = new Redactions();
    const placeholder = redactions.redact(value, [{ start: 0, end: value.length, label: 'PATH' }], true);
    const text = passed([...`{"path":"${placeholder}"}`], redactions, { entities: ['IBAN'] });
    expect(JSON.parse(text)).toEqual({ path: value });
  });

  test('ends where something is blocked', () => {
    const guard = guardOf(['pii-detector'], { 'pii-detector': { action: 'block' } });
    const text = guard.beginJson();
    expect(text.push('{"a":"x a@b.net","c":"') + text.push('d"}') + text.end()).toBe('{"a":"x ');
    expect(guard.blocked).toEqual({ policy: 'pii-detector', rule: 'EMAIL_ADDRESS' });
  });
});
