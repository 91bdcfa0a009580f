import { CalendarError, type TimeZone, timeZone } from '@tollgate/calendar';
import { LimitError } from './errors.ts';

/** The time zone of a limit. @throws LimitError `time_zone_unknown` */
export function zoneOf(name: string): TimeZone {
  try {
    return timeZone(name);
  } catch (error) {
    if (!(error instanceof CalendarError)) throw error;
    throw new LimitError(error.code, `time_zone: ${error.message}`, { cause: error });
  }
}
