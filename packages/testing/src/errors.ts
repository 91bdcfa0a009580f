export type TestingErrorCode =
  /** No test run is open: vitest was started without the root's configuration. */
  | 'no_test_run'
  /** Something shared by the run did not start; the message says why. */
  | 'shared_start_failed'
  /** A condition was not met in time. */
  | 'not_in_time'
  /** A role was asked for that the database was not made with. */
  | 'unknown_role';

/** A test's surroundings failed it. */
export class TestingError extends Error {
  readonly code: TestingErrorCode;

  constructor(code: TestingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TestingError';
    this.code = code;
  }
}
