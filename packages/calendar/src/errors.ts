/** A time zone that this runtime does not know. */
export class CalendarError extends Error {
  readonly code = 'time_zone_unknown';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CalendarError';
  }
}
