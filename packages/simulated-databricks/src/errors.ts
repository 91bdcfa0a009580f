/** What can be wrong with the way the simulator is set up or asked; served faults are not errors of this kind. */
export type SimulatedDatabricksErrorCode =
  | 'bad-listen-address'
  | 'bad-option'
  | 'already-listening'
  | 'not-listening'
  | 'unknown-fault'
  | 'bad-fault-parameter'
  /** The Spark of a simulated warehouse did not start; the message quotes its log. */
  | 'spark-start-failed';

/** The one error type of this package; the message says what to do. */
export class SimulatedDatabricksError extends Error {
  readonly code: SimulatedDatabricksErrorCode;

  constructor(code: SimulatedDatabricksErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SimulatedDatabricksError';
    this.code = code;
  }
}
