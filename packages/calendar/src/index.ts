/**
 * Days and months of a time zone as instants: what windows of limits and billing periods are cut by, so that both agree on when a
 * day or a month begins.
 *
 * A local date begins at the first instant at which the clocks there read its 00:00; where a clock change skips
 * midnight, at the change; where one repeats it, at the first of the two. Offsets come from `Intl`, and so from the
 * runtime's own tables.
 *
 * Hot path: a start that was asked for before is one look-up; a new one costs some tens of microseconds.
 *
 * Invariants: starts of days ascend, so every instant lies in exactly one day of a zone.
 *
 * Known limits: the Gregorian calendar; whole seconds of offset.
 */
export { CalendarError } from './errors.ts';
export { dayStart, localDayAt, localMonthAt, monthStart, type TimeZone, timeZone } from './time-zone.ts';
