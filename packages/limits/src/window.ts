import { dayStart, localDayAt, localMonthAt, monthStart } from '@tollgate/calendar';
import { zoneOf } from './zone-of.ts';

/** The windows that a limit can have; after each its use begins anew. */
export const WINDOWS = ['minute', 'hour', 'day', 'month'] as const;
export type WindowKind = (typeof WINDOWS)[number];

/** One window of a limit: half-open, in milliseconds since 1970. */
export type Window = { readonly startsAtMs: number; readonly endsAtMs: number };

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/**
 * The window that holds an instant. Minutes and hours are those of UTC; days and months are the calendar's in the
 * limit's time zone, so a day lasts 23 or 25 hours where clocks change. Every instant lies in exactly one window of a
 * limit, and whoever computes it gets the same.
 *
 * Cost: a division for minutes and hours; some microseconds for days and months: remember it until it ends.
 *
 * @param atMs milliseconds since 1970-01-01T00:00:00Z; fractions are allowed
 * @throws LimitError `time_zone_unknown`
 */
export function windowAt(
  limit: { readonly window: WindowKind; readonly timeZone: string },
  atMs: number,
): Window {
  switch (limit.window) {
    case 'minute':
      return fixed(atMs, MINUTE_MS);
    case 'hour':
      return fixed(atMs, HOUR_MS);
    case 'day': {
      const zone = zoneOf(limit.timeZone);
      const day = localDayAt(zone, atMs);
      return { startsAtMs: dayStart(zone, day), endsAtMs: dayStart(zone, day + 1) };
    }
    case 'month': {
      const zone = zoneOf(limit.timeZone);
      const month = localMonthAt(zone, atMs);
      return { startsAtMs: monthStart(zone, month), endsAtMs: monthStart(zone, month + 1) };
    }
  }
}

function fixed(atMs: number, lengthMs: number): Window {
  const startsAtMs = Math.floor(atMs / lengthMs) * lengthMs;
  return { startsAtMs, endsAtMs: startsAtMs + lengthMs };
}
