export type MoneyErrorCode =
  | 'not-a-decimal'
  | 'not-an-integer'
  | 'bad-currency'
  | 'currency-mismatch'
  | 'inexact-unit-size'
  | 'bad-scale'
  | 'finer-than-scale'
  | 'bad-weights';

/** The one error type of this package; the message says what to do. */
export class MoneyError extends Error {
  readonly code: MoneyErrorCode;

  constructor(code: MoneyErrorCode, message: string) {
    super(message);
    this.name = 'MoneyError';
    this.code = code;
  }
}
