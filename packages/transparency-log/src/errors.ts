export type TransparencyLogErrorCode =
  | 'bad-size'
  | 'bad-hash'
  | 'bad-entry'
  | 'bad-path'
  | 'bad-tile'
  | 'bad-bundle'
  | 'missing-resource'
  | 'edge-mismatch'
  | 'bad-key'
  | 'key-id-mismatch'
  | 'unknown-key-type'
  | 'ambiguous-key'
  | 'bad-note'
  | 'no-known-signature'
  | 'bad-signature'
  | 'bad-checkpoint'
  | 'origin-mismatch'
  | 'too-few-cosignatures'
  | 'bad-proof'
  | 'not-included'
  | 'bad-witness-message';

/** The one error type of this package; the message says what is wrong and, where something can be done, what. */
export class TransparencyLogError extends Error {
  readonly code: TransparencyLogErrorCode;

  constructor(code: TransparencyLogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TransparencyLogError';
    this.code = code;
  }
}
