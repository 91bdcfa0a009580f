import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatSequence, MAX_EVENT_BYTES, parseEnvelope, parseEvent, serializeEvent } from './index.ts';

const usage = JSON.parse(readFileSync(new URL('../samples/v1/usage.json', import.meta.url), 'utf8'));
const bytes = (json: unknown) => Buffer.from(JSON.stringify(json));

test('a later major version is told apart from a malformed event', () => {
  expect(parseEvent(bytes({ ...usage, type: 'tollgate.usage.v2' }))).toEqual({
    kind: 'unknown-version',
    type: 'tollgate.usage.v2',
  });
  expect(parseEvent(bytes({ ...usage, type: 'com.example.usage' }))).toMatchObject({ kind: 'malformed' });
});

test('the envelope alone of a later major version can still be read', () => {
  expect(parseEnvelope(bytes({ ...usage, type: 'tollgate.usage.v2', data: { other: 1 } }))).toMatchObject({
    kind: 'event',
  });
});

test('a numbered kind without its number is malformed', () => {
  const { sequence: _, ...rest } = usage;
  expect(parseEvent(bytes(rest))).toEqual({ kind: 'malformed', error: 'sequence: missing' });
});

test('an error names the field and never repeats the value', () => {
  const data = { ...usage['data'], attempt: 'secret-value' };
  const parsed = parseEvent(bytes({ ...usage, data }));
  expect(parsed).toMatchObject({ kind: 'malformed', error: expect.stringContaining('data.attempt') });
  expect(JSON.stringify(parsed)).not.toContain('secret-value');
});

test('an event over the limit is malformed', () => {
  const data = { ...usage['data'], padding: 'x'.repeat(MAX_EVENT_BYTES) };
  expect(parseEvent(bytes({ ...usage, data }))).toMatchObject({ kind: 'malformed' });
});

test('no bytes make parsing throw', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (input) => {
        expect(['event', 'malformed', 'unknown-version']).toContain(parseEvent(input).kind);
      },
    ),
  );
});

test('sequences compare as text the way they compare as numbers', () => {
  const number = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(number, number, (a, b) => {
      expect(formatSequence(a) < formatSequence(b)).toBe(a < b);
    }),
  );
  for (const wrong of [0, -1, 1.5, Number.NaN]) expect(() => formatSequence(wrong)).toThrow(RangeError);
});

test('a kind is serialised with a number exactly if its source numbers it', () => {
  const { type, id, subject, time, data, source } = usage;
  expect(() => serializeEvent({ type, id, subject, time, data }, source, null)).toThrow(TypeError);
});
