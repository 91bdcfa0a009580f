export type PayloadSealingErrorCode =
  /** Bytes that are no batch, or end within one of its records. */
  | 'batch_malformed'
  /** A batch is sealed to a key that the reader does not have. */
  | 'key_unknown'
  /** What was sealed does not open: it was changed, or belongs to other facts or another key. */
  | 'seal_broken'
  /** A key that is none. */
  | 'key_invalid';

/** Every error of this package. Its message holds neither a key nor a byte of a payload. */
export class PayloadSealingError extends Error {
  readonly code: PayloadSealingErrorCode;

  constructor(code: PayloadSealingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PayloadSealingError';
    this.code = code;
  }
}
