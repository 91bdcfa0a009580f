export type ChargebackErrorCode =
  /** A price row contradicts itself or its schema; nothing of the import was stored. */
  | 'price_invalid'
  /** A row with the same key and start exists, with other content: price rows are never edited. */
  | 'price_conflict'
  /** A row would be in force together with another one of its key. */
  | 'price_overlap'
  /** A row would change what was in force in the past. */
  | 'price_in_past'
  /** The CSV could not be read. */
  | 'csv_invalid'
  /** An instant that is not RFC 3339 UTC. */
  | 'instant_invalid'
  /** A time zone that this runtime does not know. */
  | 'time_zone_unknown'
  /** A report's parameters contradict each other. */
  | 'report_invalid'
  /** A report would have more rows than anybody reads. */
  | 'report_too_large';

/** Every error that the chargeback service itself raises; the message names the field and says what to do. */
export class ChargebackError extends Error {
  readonly code: ChargebackErrorCode;

  constructor(code: ChargebackErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ChargebackError';
    this.code = code;
  }
}
