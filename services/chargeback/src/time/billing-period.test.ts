import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { billingPeriodAt, billingPeriodBounds } from './billing-period.ts';

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Chatham',
  'Pacific/Kiritimati',
  'Pacific/Pago_Pago',
  'Africa/Casablanca',
  'America/Sao_Paulo',
];
const FROM = Date.UTC(1990, 0, 1);
const TO = Date.UTC(2040, 0, 1);
const instant = fc.integer({ min: FROM, max: TO });
const zone = fc.constantFrom(...ZONES);

/** What the clocks on the wall say, by another way than the code under test. */
function wallMonth(epochMs: number, timeZone: string): string {
  const text = new Intl.DateTimeFormat('sv-SE', { timeZone, year: 'numeric', month: '2-digit' }).format(
    epochMs,
  );
  return text.slice(0, 7);
}

describe('billingPeriodAt', () => {
  it('gives the month that the calendar on the wall shows, in any zone', () => {
    fc.assert(
      fc.property(instant, zone, (epochMs, timeZone) => {
        expect(billingPeriodAt(epochMs, timeZone)).toBe(wallMonth(epochMs, timeZone));
      }),
      { numRuns: 3000 },
    );
  });

  it('changes at the boundary to the millisecond', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1990, max: 2039 }),
        fc.integer({ min: 1, max: 12 }),
        zone,
        (year, month, timeZone) => {
          const period = `${year}-${String(month).padStart(2, '0')}`;
          const { startMs, endMs } = billingPeriodBounds(period, timeZone);
          expect(billingPeriodAt(startMs, timeZone)).toBe(period);
          expect(billingPeriodAt(startMs - 1, timeZone)).not.toBe(period);
          expect(billingPeriodAt(endMs - 1, timeZone)).toBe(period);
          expect(billingPeriodAt(endMs, timeZone)).not.toBe(period);
          expect(wallMonth(startMs, timeZone)).toBe(period);
          expect(wallMonth(endMs - 1, timeZone)).toBe(period);
        },
      ),
    );
  });

  it('lets each month begin where the one before ends', () => {
    fc.assert(
      fc.property(instant, zone, (epochMs, timeZone) => {
        const { endMs } = billingPeriodBounds(billingPeriodAt(epochMs, timeZone), timeZone);
        expect(billingPeriodBounds(billingPeriodAt(endMs, timeZone), timeZone).startMs).toBe(endMs);
      }),
    );
  });

  it.each([
    // Half hours and quarters.
    ['Asia/Kolkata', '2026-02', '2026-01-31T18:30:00.000Z'],
    ['Asia/Kathmandu', '2026-02', '2026-01-31T18:15:00.000Z'],
    // Daylight saving began during the month before, or ends in it.
    ['Europe/Berlin', '2026-04', '2026-03-31T22:00:00.000Z'],
    ['Europe/Berlin', '2026-11', '2026-10-31T23:00:00.000Z'],
    ['America/New_York', '2026-11', '2026-11-01T04:00:00.000Z'],
    // Jordan's clocks skipped the midnight with which April 2011 began: 00:00 became 01:00.
    ['Asia/Amman', '2011-04', '2011-03-31T22:00:00.000Z'],
    // Newfoundland's clocks went from 00:01 back to 23:01 on 1 November 2009.
    ['America/St_Johns', '2009-11', '2009-11-01T02:30:00.000Z'],
    // Kiritimati had no 31 December 1994: it changed sides of the date line.
    ['Pacific/Kiritimati', '1995-01', '1994-12-31T10:00:00.000Z'],
  ])('starts %s %s at %s', (timeZone, period, start) => {
    expect(new Date(billingPeriodBounds(period, timeZone).startMs).toISOString()).toBe(start);
  });

  it('starts a month at the first of two midnights where clocks repeat it', () => {
    // For 59 minutes after this, the calendar on the wall said October once more.
    expect(billingPeriodAt(Date.parse('2009-11-01T02:30:30Z'), 'America/St_Johns')).toBe('2009-11');
    expect(billingPeriodAt(Date.parse('2009-11-01T02:45:00Z'), 'America/St_Johns')).toBe('2009-11');
  });

  it('refuses a zone that does not exist', () => {
    expect(() => billingPeriodAt(0, 'Europe/Atlantis')).toThrow(/Europe\/Atlantis.*IANA/);
  });

  it.each(['2026-13', '2026-1', '26-01', '2026-00', ''])('refuses the period %j', (period) => {
    expect(() => billingPeriodBounds(period, 'UTC')).toThrow(/YYYY-MM/);
  });
});
