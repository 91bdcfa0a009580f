import { CalendarError, localMonthAt, monthStart, type TimeZone, timeZone } from '@tollgate/calendar';
import { ChargebackError } from '../errors.ts';

/**
 * Which calendar month an instant belongs to in an organisation's billing time zone. A period is the half-open
 * interval between the starts of two local months, so every instant belongs to exactly one. A local month starts
 * with its first day, as packages/calendar has it.
 *
 * Cost: a look-up and two comparisons; the start of a month is computed once per zone.
 */

/** A calendar month as `YYYY-MM`. */
export type BillingPeriod = string;

const PERIOD = /^(\d{4})-(0[1-9]|1[0-2])$/;
const MONTHS = 12;
/** Zones in use at once are few; the bound only keeps a stream of made-up ones from growing the cache. */
const MAX_CACHED_ZONES = 1024;

type Zone = {
  readonly calendar: TimeZone;
  /** The period that was found last: the next instant most likely lies in it too. */
  last: { readonly startMs: number; readonly endMs: number; readonly period: BillingPeriod };
};
const zones = new Map<string, Zone>();

/**
 * The period that holds an instant.
 *
 * @param epochMs milliseconds since 1970-01-01T00:00:00Z
 * @param zoneName an IANA name, such as `Asia/Kolkata`
 * @throws ChargebackError `time_zone_unknown`
 */
export function billingPeriodAt(epochMs: number, zoneName: string): BillingPeriod {
  const zone = zoneOf(zoneName);
  if (epochMs >= zone.last.startMs && epochMs < zone.last.endMs) return zone.last.period;
  const month = localMonthAt(zone.calendar, epochMs);
  zone.last = {
    startMs: monthStart(zone.calendar, month),
    endMs: monthStart(zone.calendar, month + 1),
    period: formatMonth(month),
  };
  return zone.last.period;
}

/**
 * The boundaries of a period as UTC instants in milliseconds, half-open.
 *
 * @throws ChargebackError `report_invalid` unless `period` is `YYYY-MM`; `time_zone_unknown`
 */
export function billingPeriodBounds(
  period: BillingPeriod,
  zoneName: string,
): { readonly startMs: number; readonly endMs: number } {
  const match = PERIOD.exec(period);
  if (match === null) {
    throw new ChargebackError('report_invalid', `period: '${period.slice(0, 20)}' is not YYYY-MM`);
  }
  const month = Number(match[1]) * MONTHS + Number(match[2]) - 1;
  const { calendar } = zoneOf(zoneName);
  return { startMs: monthStart(calendar, month), endMs: monthStart(calendar, month + 1) };
}

/** Whether this runtime knows the time zone. */
export function isTimeZone(zoneName: string): boolean {
  try {
    zoneOf(zoneName);
    return true;
  } catch {
    return false;
  }
}

function zoneOf(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  let calendar: TimeZone;
  try {
    calendar = timeZone(name);
  } catch (error) {
    if (!(error instanceof CalendarError)) throw error;
    throw new ChargebackError(error.code, `time zone ${error.message}`, { cause: error });
  }
  if (zones.size >= MAX_CACHED_ZONES) zones.clear();
  const zone: Zone = { calendar, last: { startMs: 0, endMs: 0, period: '' } };
  zones.set(name, zone);
  return zone;
}

/** `month` counts months since year 0. */
function formatMonth(month: number): BillingPeriod {
  const year = String(Math.floor(month / MONTHS)).padStart(4, '0');
  return `${year}-${String((month % MONTHS) + 1).padStart(2, '0')}`;
}
