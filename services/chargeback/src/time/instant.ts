import { type EpochMicros, epochMicros as microsOf } from '@tollgate/pricing';
import { rethrown } from '../prices/pricing-errors.ts';

export type { EpochMicros };

const HOUR_MS = 3_600_000;
const MICROS_PER_HOUR = HOUR_MS * 1000;

/**
 * An instant as RFC 3339 UTC text in microseconds (see packages/pricing).
 *
 * @throws ChargebackError `instant_invalid`
 */
export function epochMicros(instant: string): EpochMicros {
  try {
    return microsOf(instant);
  } catch (error) {
    throw rethrown(error);
  }
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
