export type SetupErrorCode =
  /** A secret can't be kept where it has to be. */
  | 'not-writable'
  /** The directory knows the token that is to make others no more, or never did. */
  | 'token-refused';

/** Why an installation could not be set up; the message tells what to do. */
export class SetupError extends Error {
  readonly code: SetupErrorCode;

  constructor(code: SetupErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SetupError';
    this.code = code;
  }
}
