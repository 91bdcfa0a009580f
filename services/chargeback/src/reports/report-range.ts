import { ChargebackError } from '../errors.ts';
import { billingPeriodBounds } from '../time/billing-period.ts';
import { epochMicros } from '../time/instant.ts';

/** Which rollups a report reads: those of hours from..to, and of one billing period where it is for one. */
export type ReportRange = {
  readonly period: string | null;
  /** UTC, half-open, whole hours. */
  readonly from: string;
  readonly to: string;
};

const HOUR_MS = 3_600_000;
const MICROS_PER_HOUR = HOUR_MS * 1000;
/** No zone is further from UTC, so no hour of a period lies further outside of the UTC month. */
const MAX_OFFSET_MS = 15 * HOUR_MS;

/** Nothing was charged before, and nothing will be after: keeps what is asked of Postgres within its calendar. */
const FIRST_MS = Date.UTC(2000, 0, 1);
const LAST_MS = Date.UTC(2200, 0, 1);

/** @throws ChargebackError `report_invalid`, `instant_invalid` */
export function reportRange(asked: {
  readonly period?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}): ReportRange {
  const { period, from, to } = asked;
  if (period !== undefined) {
    if (from !== undefined || to !== undefined) {
      throw new ChargebackError('report_invalid', 'give a period, or from and to, not both');
    }
    const { startMs, endMs } = billingPeriodBounds(period, 'UTC');
    return within({ period, from: text(startMs - MAX_OFFSET_MS), to: text(endMs + MAX_OFFSET_MS) });
  }
  if (from === undefined || to === undefined) {
    throw new ChargebackError('report_invalid', 'give a period (YYYY-MM), or both from and to');
  }
  const [start, end] = [epochMicros(from), epochMicros(to)];
  if (start % MICROS_PER_HOUR !== 0 || end % MICROS_PER_HOUR !== 0) {
    throw new ChargebackError(
      'report_invalid',
      'from and to must be whole hours in UTC, since reports are hourly',
    );
  }
  if (start >= end) throw new ChargebackError('report_invalid', 'from must be before to');
  return within({ period: null, from: text(start / 1000), to: text(end / 1000) });
}

function within(range: ReportRange): ReportRange {
  if (Date.parse(range.from) < FIRST_MS - MAX_OFFSET_MS || Date.parse(range.to) > LAST_MS) {
    throw new ChargebackError('report_invalid', 'ask for a time between the years 2000 and 2199');
  }
  return range;
}

function text(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
