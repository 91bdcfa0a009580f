import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limitHeaders, openAiDuration, type Standing } from './limit-headers.ts';

const perMinute: Standing = {
  name: 'lim_minute',
  quantity: 'tokens',
  limit: 100_000,
  remaining: 40,
  quotaUnit: 'tokens',
  windowSeconds: 60,
  resetMs: 1_200,
};
const perDay: Standing = {
  ...perMinute,
  name: 'lim_day',
  limit: 9,
  remaining: 5,
  windowSeconds: 86_400,
  resetMs: 86_000_000,
};
const requests: Standing = { ...perMinute, name: 'burst', quantity: 'requests', quotaUnit: 'requests' };

describe('the headers of limits', () => {
  test('name every limit as structured fields, and the tightest of each kind as OpenAI does', () => {
    expect(limitHeaders([perMinute, perDay, requests])).toEqual({
      'ratelimit-policy':
        '"lim_minute";q=100000;w=60;qu="tokens", "lim_day";q=9;w=86400;qu="tokens", "burst";q=100000;w=60',
      ratelimit: '"lim_minute";r=40;t=2, "lim_day";r=5;t=86000, "burst";r=40;t=2',
      'x-ratelimit-limit-tokens': '9',
      'x-ratelimit-remaining-tokens': '5',
      'x-ratelimit-reset-tokens': '23h53m20s',
      'x-ratelimit-limit-requests': '100000',
      'x-ratelimit-remaining-requests': '40',
      'x-ratelimit-reset-requests': '2s',
    });
  });

  test('are none without a limit, and none of the kinds that have none', () => {
    expect(limitHeaders([])).toEqual({});
    expect(Object.keys(limitHeaders([requests])).filter((name) => name.endsWith('tokens'))).toEqual([]);
  });

  test('are well formed whatever they are made of', () => {
    const standing = fc.record({
      name: fc.string({ unit: 'binary' }),
      quantity: fc.constantFrom('requests', 'tokens', 'money'),
      limit: fc.maxSafeNat(),
      remaining: fc.integer({ min: -1_000_000, max: Number.MAX_SAFE_INTEGER }),
      quotaUnit: fc.constantFrom('requests', 'tokens', 'micro-eur'),
      windowSeconds: fc.nat(),
      resetMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
    });
    const item = String.raw`"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"`;
    const list = (parameters: string) => new RegExp(`^${item}${parameters}(, ${item}${parameters})*$`);
    const policy = list(String.raw`;q=\d{1,15};w=\d{1,15}(?:;qu="[a-z-]+")?`);
    const limit = list(String.raw`;r=\d{1,15};t=\d{1,15}`);
    fc.assert(
      fc.property(fc.array(standing, { minLength: 1, maxLength: 4 }), (standings) => {
        const headers = limitHeaders(standings);
        expect(headers['ratelimit-policy']).toMatch(policy);
        expect(headers['ratelimit']).toMatch(limit);
        for (const [name, value] of Object.entries(headers)) {
          if (name.startsWith('x-ratelimit-reset')) expect(value).toMatch(/^(\d+h)?(\d+m)?\d+m?s$/);
          else if (name.startsWith('x-')) expect(value).toMatch(/^\d+$/);
        }
      }),
    );
  });
});

test.each([
  [0, '0ms'],
  [0.2, '1ms'],
  [12, '12ms'],
  [1000, '1s'],
  [59_999, '1m0s'],
  [60_000, '1m0s'],
  [360_000, '6m0s'],
  [86_341_000, '23h59m1s'],
])('%d ms is written %s', (ms, text) => {
  expect(openAiDuration(ms)).toBe(text);
});
