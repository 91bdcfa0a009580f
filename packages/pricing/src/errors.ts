export type PricingErrorCode =
  /** A price row contradicts itself. */
  | 'price_invalid'
  /** An instant that is not RFC 3339 UTC. */
  | 'instant_invalid';

/** The one error type of this package; the message names the field and says what to do. */
export class PricingError extends Error {
  readonly code: PricingErrorCode;

  constructor(code: PricingErrorCode, message: string) {
    super(message);
    this.name = 'PricingError';
    this.code = code;
  }
}
