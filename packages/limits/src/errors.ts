export type LimitErrorCode =
  /** A limit contradicts itself: its unit, window, amount, currency or scope. */
  | 'limit_invalid'
  /** A decimal that the unit can't hold exactly. */
  | 'amount_invalid'
  /** A time zone that this runtime does not know. */
  | 'time_zone_unknown';

/** The one error type of this package; the message names the field and says what to do. */
export class LimitError extends Error {
  readonly code: LimitErrorCode;

  constructor(code: LimitErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LimitError';
    this.code = code;
  }
}
