export type StartErrorCode =
  /** A Tollgate runs on this data folder. */
  | 'already-running'
  /** Something else listens where a service is to listen. */
  | 'port-taken'
  /** A service did not become ready. */
  | 'not-ready'
  /** The token of the first start is gone, while its directory is there. */
  | 'token-lost'
  /** Postgres ended and could not be started again. */
  | 'postgres-lost'
  /** A command was to find the Tollgate of this folder, which does not run. */
  | 'not-running';

/** Why a Tollgate on this machine could not start, or go on; the message tells what to do. */
export class StartError extends Error {
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
    this.code = code;
  }
}
