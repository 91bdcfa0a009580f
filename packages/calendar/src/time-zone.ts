import { CalendarError } from './errors.ts';

/**
 * Local days and months of a time zone as instants. A local date begins at the first instant at which the clocks
 * there read its 00:00; where a clock change skips midnight, at the change; where one repeats it, at the first.
 */
export type TimeZone = {
  readonly formatter: Intl.DateTimeFormat;
  /** Start of local days, by days since 1970. */
  readonly starts: Map<number, number>;
};

const DAY_MS = 86_400_000;
const zones = new Map<string, TimeZone>();
/** Zones in use at once are few; the bound keeps a stream of made-up ones from growing the memory. */
const MAX_ZONES = 1024;
/** Days whose start is remembered, per zone. */
const MAX_STARTS = 4096;

/**
 * @param name an IANA name, such as `Asia/Kolkata`
 * @throws CalendarError
 */
export function timeZone(name: string): TimeZone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  let formatter: Intl.DateTimeFormat;
  try {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
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
    throw new CalendarError(`'${name.slice(0, 64)}' is unknown: use an IANA name such as Europe/Berlin`, {
      cause,
    });
  }
  if (zones.size >= MAX_ZONES) zones.clear();
  const zone: TimeZone = { formatter, starts: new Map() };
  zones.set(name, zone);
  return zone;
}

/** The local day that holds an instant, in days since 1970-01-01 on the zone's own calendar. */
export function localDayAt(zone: TimeZone, epochMs: number): number {
  const second = Math.floor(epochMs / 1000) * 1000;
  let day = Math.floor((second + offsetAt(zone, second)) / DAY_MS);
  // Where clocks repeat midnight, an instant after the day's first start reads the day before.
  while (epochMs < dayStart(zone, day)) day -= 1;
  while (epochMs >= dayStart(zone, day + 1)) day += 1;
  return day;
}

/** The instant at which a local day begins, in milliseconds since 1970. */
export function dayStart(zone: TimeZone, day: number): number {
  const known = zone.starts.get(day);
  if (known !== undefined) return known;
  if (zone.starts.size >= MAX_STARTS) zone.starts.clear();
  const start = firstInstantAt(zone, day * DAY_MS);
  zone.starts.set(day, start);
  return start;
}

const MONTHS = 12;

/** The local month that holds an instant, in months since the beginning of the year 0. */
export function localMonthAt(zone: TimeZone, epochMs: number): number {
  const local = new Date(localDayAt(zone, epochMs) * DAY_MS);
  return local.getUTCFullYear() * MONTHS + local.getUTCMonth();
}

/** The instant at which a local month, and so its first day, begins, in milliseconds since 1970. */
export function monthStart(zone: TimeZone, month: number): number {
  return dayStart(zone, Date.UTC(Math.floor(month / MONTHS), month % MONTHS, 1) / DAY_MS);
}

/** The first instant at which the zone's clocks read `local` (a UTC date standing for a local one) or later. */
function firstInstantAt(zone: TimeZone, local: number): number {
  const before = offsetAt(zone, local - DAY_MS);
  const after = offsetAt(zone, local + DAY_MS);
  const candidates = [local - before, local - after].filter(
    (instant) => instant + offsetAt(zone, instant) === local,
  );
  if (candidates.length > 0) return Math.min(...candidates);
  return offsetChange(zone, local - Math.max(before, after), local - Math.min(before, after));
}

/** The instant in (low, high] from which the offset that holds at `high` applies. */
function offsetChange(zone: TimeZone, low: number, high: number): number {
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
function offsetAt(zone: TimeZone, epochMs: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of zone.formatter.formatToParts(epochMs)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - epochMs;
}
