import { ChargebackError } from '../errors.ts';

/** Microseconds since 1970-01-01T00:00:00Z: exact in a double until the year 2255, and comparable. */
export type EpochMicros = number;

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?(?:\.(\d+))?Z$/;
/** `2026-03-01T00:00:00.000Z`, the form in which nearly every instant comes, and where its Z stands. */
const MILLISECOND_FORM = 24;
const MICROS_PER_MILLI = 1000;
const HOUR_MS = 3_600_000;
const MICROS_PER_HOUR = HOUR_MS * MICROS_PER_MILLI;

/**
 * An instant as RFC 3339 UTC text, such as `2026-03-01T00:00:00.000Z`, in microseconds; finer digits are cut,
 * as Postgres keeps no more.
 *
 * @throws ChargebackError `instant_invalid`
 */
export function epochMicros(instant: string): EpochMicros {
  if (instant.length === MILLISECOND_FORM && instant.endsWith('Z') && instant.charAt(19) === '.') {
    const milliseconds = Date.parse(instant);
    if (!Number.isNaN(milliseconds)) return milliseconds * MICROS_PER_MILLI;
  }
  const match = INSTANT.exec(instant);
  const milliseconds = match === null ? Number.NaN : Date.parse(instant);
  if (match === null || Number.isNaN(milliseconds)) {
    throw new ChargebackError(
      'instant_invalid',
      `'${instant.slice(0, 40)}' is not an instant in UTC such as 2026-03-01T00:00:00Z`,
    );
  }
  const fraction = match[1];
  if (fraction === undefined || fraction.length <= 3) return milliseconds * MICROS_PER_MILLI;
  return milliseconds * MICROS_PER_MILLI + Number(fraction.slice(3, 6).padEnd(3, '0'));
}

/** Whole hours since 1970-01-01T00:00:00Z: the UTC hour that holds the instant. */
export function epochHour(micros: EpochMicros): number {
  return Math.floor(micros / MICROS_PER_HOUR);
}

/** The start of an hour. */
export function hourMicros(hour: number): EpochMicros {
  return hour * MICROS_PER_HOUR;
}

/** The start of an hour as `2026-03-01T09:00:00.000Z`. */
export function hourStart(hour: number): string {
  return new Date(hour * HOUR_MS).toISOString();
}
