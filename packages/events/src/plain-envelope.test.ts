import fc from 'fast-check';
import { expect, test } from 'vitest';
import { envelope } from './envelope.ts';
import { isPlainEnvelope } from './plain-envelope.ts';

const PLAIN = {
  specversion: '1.0',
  id: '0198a6f0-0000-7abc-9def-0123456789ab',
  source: '/gateways/gw-1/e1',
  type: 'tollgate.usage.v1',
  subject: 'subject',
  time: '2026-03-01T10:00:00.000Z',
  datacontenttype: 'application/json',
  sequence: '0000000000000000001',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  data: { a: 1 },
};

test('what our sources write is plain, with unknown members too', () => {
  expect(isPlainEnvelope(PLAIN)).toBe(true);
  const { sequence, traceparent, ...unnumbered } = PLAIN;
  expect(isPlainEnvelope({ ...unnumbered, novelty: [sequence, traceparent] })).toBe(true);
});

test('what is plain the schema accepts, and gives it back as it is', () => {
  const year = fc.integer({ min: 0, max: 9999 }).map((n) => String(n).padStart(4, '0'));
  const two = fc.integer({ min: 0, max: 61 }).map((n) => String(n).padStart(2, '0'));
  const time = fc
    .tuple(year, two, two, two, two, two, fc.constantFrom('', '.1', '.123', '.123456', '.0000000001', '+01'))
    .map(([y, mo, d, h, mi, s, rest]) => `${y}-${mo}-${d}T${h}:${mi}:${s}${rest}Z`);
  const strange = fc.oneof(fc.jsonValue(), fc.string(), fc.constant(undefined));
  const member = (value: unknown, ...others: fc.Arbitrary<unknown>[]) =>
    fc.oneof({ weight: 12, arbitrary: fc.constant(value) }, strange, ...others);
  const anything = fc.record({
    specversion: member('1.0'),
    id: member(PLAIN.id, fc.uuid(), fc.constantFrom('0'.repeat(36), PLAIN.id.toUpperCase())),
    source: member(PLAIN.source, fc.constantFrom('/gateways//e1', '/services/a/b', '/services/a/b/')),
    type: member(PLAIN.type, fc.constantFrom('', 'x'.repeat(128), 'x'.repeat(129))),
    subject: member(PLAIN.subject, fc.constantFrom('', 'x'.repeat(256), 'x'.repeat(257))),
    time: fc.oneof({ weight: 3, arbitrary: time }, member(PLAIN.time)),
    datacontenttype: member('application/json'),
    sequence: member(PLAIN.sequence, fc.constantFrom('1', `${PLAIN.sequence}0`)),
    traceparent: member(PLAIN.traceparent, fc.constant('00-0-0-01')),
    data: member(PLAIN.data, fc.constantFrom([], null)),
  });
  let plain = 0;
  fc.assert(
    fc.property(anything, (json) => {
      if (!isPlainEnvelope(json)) return;
      plain += 1;
      expect(envelope.parse(json)).toEqual(json);
    }),
    { numRuns: 3_000 },
  );
  expect(plain).toBeGreaterThan(50);
});

test('every day of a year is plain, and no other', () => {
  for (let day = Date.UTC(2023, 0, 1); day < Date.UTC(2024, 0, 1); day += 86_400_000) {
    expect(isPlainEnvelope({ ...PLAIN, time: new Date(day).toISOString() })).toBe(true);
  }
  for (const day of [
    '02-29',
    '02-30',
    '02-31',
    '04-31',
    '06-31',
    '09-31',
    '11-31',
    '00-01',
    '13-01',
    '01-32',
  ]) {
    expect(isPlainEnvelope({ ...PLAIN, time: `2023-${day}T00:00:00.000Z` }), day).toBe(false);
  }
});
