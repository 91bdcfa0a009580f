import { PricingError } from './errors.ts';

/** Microseconds since 1970-01-01T00:00:00Z: exact in a double until the year 2255, and comparable. */
export type EpochMicros = number;

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?(?:\.(\d+))?Z$/;
/** `2026-03-01T00:00:00.000Z`, the form in which nearly every instant comes, and where its Z stands. */
const MILLISECOND_FORM = 24;
const MICROS_PER_MILLI = 1000;

/**
 * An instant as RFC 3339 UTC text, such as `2026-03-01T00:00:00.000Z`, in microseconds; finer digits are cut,
 * as Postgres keeps no more.
 *
 * @throws PricingError `instant_invalid`
 */
export function epochMicros(instant: string): EpochMicros {
  if (instant.length === MILLISECOND_FORM && instant.endsWith('Z') && instant.charAt(19) === '.') {
    const milliseconds = Date.parse(instant);
    if (!Number.isNaN(milliseconds)) return milliseconds * MICROS_PER_MILLI;
  }
  const match = INSTANT.exec(instant);
  const milliseconds = match === null ? Number.NaN : Date.parse(instant);
  if (match === null || Number.isNaN(milliseconds)) {
    throw new PricingError(
      'instant_invalid',
      `'${instant.slice(0, 40)}' is not an instant in UTC such as 2026-03-01T00:00:00Z`,
    );
  }
  const fraction = match[1];
  if (fraction === undefined || fraction.length <= 3) return milliseconds * MICROS_PER_MILLI;
  return milliseconds * MICROS_PER_MILLI + Number(fraction.slice(3, 6).padEnd(3, '0'));
}
