import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WINDOWS, type WindowKind, windowAt } from './window.ts';

/** Half-hour clock changes, changes at midnight, a day that was left out, and none at all. */
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Sao_Paulo',
  'Asia/Beirut',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Auckland',
];
const zone = fc.constantFrom(...ZONES);
const kind = fc.constantFrom(...WINDOWS);
/** 2000 to 2050. */
const instant = fc.integer({ min: 946_684_800_000, max: 2_524_608_000_000 });

/** The local date and time as the wall shows it, by another way than the code's. */
function wall(timeZone: string, atMs: number): { date: string; time: string } {
  const text = new Date(atMs).toLocaleString('sv-SE', { timeZone });
  return { date: text.slice(0, 10), time: text.slice(11) };
}

const at = (window: WindowKind, timeZone: string, text: string) => {
  const { startsAtMs, endsAtMs } = windowAt({ window, timeZone }, Date.parse(text));
  return [new Date(startsAtMs).toISOString(), new Date(endsAtMs).toISOString()];
};

describe('windowAt', () => {
  it('puts every instant into exactly one window, and windows next to each other', () => {
    fc.assert(
      fc.property(kind, zone, instant, (window, timeZone, ms) => {
        const limit = { window, timeZone };
        const found = windowAt(limit, ms);
        expect(found.startsAtMs).toBeLessThanOrEqual(ms);
        expect(found.endsAtMs).toBeGreaterThan(ms);
        expect(windowAt(limit, found.startsAtMs)).toEqual(found);
        expect(windowAt(limit, found.endsAtMs - 1)).toEqual(found);
        expect(windowAt(limit, found.endsAtMs).startsAtMs).toBe(found.endsAtMs);
      }),
      { numRuns: 400 },
    );
  });

  it('turns days and months when the calendar on the wall does', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('day' as const, 'month' as const),
        zone,
        instant,
        (window, timeZone, ms) => {
          const { startsAtMs, endsAtMs } = windowAt({ window, timeZone }, ms);
          const period = (text: string) => (window === 'day' ? text : text.slice(0, 7));
          const starts = wall(timeZone, startsAtMs);
          expect(period(wall(timeZone, startsAtMs - 1000).date) < period(starts.date)).toBe(true);
          expect(period(wall(timeZone, endsAtMs).date) > period(starts.date)).toBe(true);
          if (window === 'month') expect(starts.date.slice(8)).toBe('01');
          // Midnight, unless the clocks skipped it.
          expect(starts.time === '00:00:00' || starts.time === '01:00:00').toBe(true);
        },
      ),
      { numRuns: 400 },
    );
  });

  it.each([
    ['day', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
    ['day', 'Europe/Berlin', '2026-10-25T12:00:00Z', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
    [
      'month',
      'Europe/Berlin',
      '2026-03-31T22:30:00Z',
      '2026-03-31T22:00:00.000Z',
      '2026-04-30T22:00:00.000Z',
    ],
    [
      'month',
      'America/New_York',
      '2026-03-01T04:59:59.999Z',
      '2026-02-01T05:00:00.000Z',
      '2026-03-01T05:00:00.000Z',
    ],
    ['month', 'UTC', '2028-02-29T23:59:59.999Z', '2028-02-01T00:00:00.000Z', '2028-03-01T00:00:00.000Z'],
    ['hour', 'Asia/Kolkata', '2026-03-10T12:45:00Z', '2026-03-10T12:00:00.000Z', '2026-03-10T13:00:00.000Z'],
    ['minute', 'UTC', '2026-03-10T12:45:59.999Z', '2026-03-10T12:45:00.000Z', '2026-03-10T12:46:00.000Z'],
  ] as const)('is, of a %s in %s at %s, %s to %s', (window, timeZone, text, starts, ends) => {
    expect(at(window, timeZone, text)).toEqual([starts, ends]);
  });

  it('goes from the 29th to the 31st where the 30th was left out', () => {
    const [starts, ends] = at('day', 'Pacific/Apia', '2011-12-30T09:59:59Z');
    expect([starts, ends]).toEqual(['2011-12-29T10:00:00.000Z', '2011-12-30T10:00:00.000Z']);
    expect(at('day', 'Pacific/Apia', '2011-12-30T10:00:00Z')[0]).toBe(ends);
  });

  it('refuses a time zone that nobody knows', () => {
    expect(() => windowAt({ window: 'day', timeZone: 'Mars/Olympus' }, 0)).toThrow(/IANA/);
  });
});
