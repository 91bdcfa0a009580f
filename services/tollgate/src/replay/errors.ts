/** Why a replay could not begin or go on; the message tells what to do. */
export class ReplayError extends Error {
  readonly code: ReplayErrorCode;
  constructor(code: ReplayErrorCode, message: string) {
    super(message);
    this.name = 'ReplayError';
    this.code = code;
  }
}

export type ReplayErrorCode =
  | 'trace-unreadable'
  | 'trace-malformed'
  | 'trace-empty'
  | 'interrupted'
  | 'not-answered'
  | 'service-refused';
