import { ChargebackError } from '../errors.ts';

/**
 * Which calendar month an instant belongs to in an organisation's billing time zone. A period is the half-open
 * interval between the starts of two local months, so every instant belongs to exactly one. A local month starts
 * at the first instant at which the clocks there read the 1st, 00:00; where a clock change skips midnight, at the
 * change; where one repeats midnight, at the first of the two.
 *
 * Cost: a look-up and two comparisons; the start of a month is computed once per zone, from `Intl`.
 */

/** A calendar month as `YYYY-MM`. */
export type BillingPeriod = string;

const PERIOD = /^(\d{4})-(0[1-9]|1[0-2])$/;
const DAY_MS = 86_400_000;
const MONTHS = 12;
/** Zones in use at once are few; the bound only keeps a stream of made-up ones from growing the cache. */
const MAX_CACHED_ZONES = 1024;

type Zone = {
  readonly formatter: Intl.DateTimeFormat;
  readonly starts: Map<number, number>;
  /** The period that was found last: the next instant most likely lies in it too. */
  last: { readonly startMs: number; readonly endMs: number; readonly period: BillingPeriod };
};
const zones = new Map<string, Zone>();

/**
 * The period that holds an instant.
 *
 * @param epochMs milliseconds since 1970-01-01T00:00:00Z
 * @param timeZone an IANA name, such as `Asia/Kolkata`
 * @throws ChargebackError `time_zone_unknown`
 */
export function billingPeriodAt(epochMs: number, timeZone: string): BillingPeriod {
  const zone = zoneOf(timeZone);
  if (epochMs >= zone.last.startMs && epochMs < zone.last.endMs) return zone.last.period;
  const utc = new Date(epochMs);
  let month = utc.getUTCFullYear() * MONTHS + utc.getUTCMonth();
  // No zone is a day or more away from UTC, so the local month is the UTC month or a neighbour of it.
  if (epochMs < monthStart(zone, month)) month -= 1;
  else if (epochMs >= monthStart(zone, month + 1)) month += 1;
  zone.last = {
    startMs: monthStart(zone, month),
    endMs: monthStart(zone, month + 1),
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
  timeZone: string,
): { readonly startMs: number; readonly endMs: number } {
  const match = PERIOD.exec(period);
  if (match === null) {
    throw new ChargebackError('report_invalid', `period: '${period.slice(0, 20)}' is not YYYY-MM`);
  }
  const month = Number(match[1]) * MONTHS + Number(match[2]) - 1;
  const zone = zoneOf(timeZone);
  return { startMs: monthStart(zone, month), endMs: monthStart(zone, month + 1) };
}

/** Whether this runtime knows the time zone. */
export function isTimeZone(timeZone: string): boolean {
  try {
    zoneOf(timeZone);
    return true;
  } catch {
    return false;
  }
}

function zoneOf(timeZone: string): Zone {
  const known = zones.get(timeZone);
  if (known !== undefined) return known;
  let formatter: Intl.DateTimeFormat;
  try {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch (cause) {
    throw new ChargebackError(
      'time_zone_unknown',
      `time zone '${timeZone.slice(0, 64)}' is unknown: use an IANA name such as Europe/Berlin`,
      { cause },
    );
  }
  if (zones.size >= MAX_CACHED_ZONES) zones.clear();
  const zone: Zone = { formatter, starts: new Map(), last: { startMs: 0, endMs: 0, period: '' } };
  zones.set(timeZone, zone);
  return zone;
}

/** `month` counts months since year 0. */
function monthStart(zone: Zone, month: number): number {
  const cached = zone.starts.get(month);
  if (cached !== undefined) return cached;
  const start = firstInstantAt(zone, Date.UTC(Math.floor(month / MONTHS), month % MONTHS, 1));
  zone.starts.set(month, start);
  return start;
}

/** The first instant at which the zone's clocks read `local` (a UTC date standing for a local one) or later. */
function firstInstantAt(zone: Zone, local: number): number {
  const before = offsetAt(zone, local - DAY_MS);
  const after = offsetAt(zone, local + DAY_MS);
  const candidates = [local - before, local - after].filter(
    (instant) => instant + offsetAt(zone, instant) === local,
  );
  if (candidates.length > 0) return Math.min(...candidates);
  return offsetChangeBetween(zone, local - Math.max(before, after), local - Math.min(before, after));
}

/** The instant in (low, high] from which the offset that holds at `high` applies. */
function offsetChangeBetween(zone: Zone, low: number, high: number): number {
  const target = offsetAt(zone, high);
  let [from, to] = [low, high];
  if (offsetAt(zone, from) === target) return from;
  while (to - from > 1000) {
    const middle = from + Math.floor((to - from) / 2000) * 1000;
    if (offsetAt(zone, middle) === target) to = middle;
    else from = middle;
  }
  return to;
}

/** Local time minus UTC at a whole second, in milliseconds. */
function offsetAt(zone: Zone, epochMs: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of zone.formatter.formatToParts(epochMs)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - epochMs;
}

function formatMonth(month: number): BillingPeriod {
  const year = String(Math.floor(month / MONTHS)).padStart(4, '0');
  return `${year}-${String((month % MONTHS) + 1).padStart(2, '0')}`;
}
