import { describe, expect, it } from 'vitest';
import { epochHour, epochMicros, hourStart } from './instant.ts';

describe('epochMicros', () => {
  it.each([
    ['1970-01-01T00:00:00Z', 0],
    ['1970-01-01T00:00Z', 0],
    ['1970-01-01T00:00:00.5Z', 500_000],
    ['1970-01-01T00:00:00.123456Z', 123_456],
    ['1970-01-01T00:00:00.1234569Z', 123_456],
    ['1970-01-01T00:00:01.0001Z', 1_000_100],
    ['2026-03-01T09:30:00.000001Z', Date.UTC(2026, 2, 1, 9, 30) * 1000 + 1],
  ])('reads %s', (text, micros) => {
    expect(epochMicros(text)).toBe(micros);
  });

  it.each(['2026-03-01T09:30:00', '2026-03-01T09:30:00+01:00', '2026-13-01T00:00:00Z', 'now', ''])(
    'refuses %j',
    (text) => {
      expect(() => epochMicros(text)).toThrow(/not an instant in UTC/);
    },
  );
});

describe('epochHour', () => {
  it('is the UTC hour', () => {
    const start = (text: string) => hourStart(epochHour(epochMicros(text)));
    expect(start('2026-03-01T09:59:59.999999Z')).toBe('2026-03-01T09:00:00.000Z');
    expect(start('2026-03-01T10:00:00Z')).toBe('2026-03-01T10:00:00.000Z');
    expect(start('1969-12-31T23:59:59Z')).toBe('1969-12-31T23:00:00.000Z');
  });
});
