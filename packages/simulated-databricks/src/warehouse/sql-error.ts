/** A statement failed in the engine, as a warehouse reports it to its client. */
export class SqlError extends Error {
  /** Five characters, such as `42809`. */
  readonly sqlState: string;
  /** Spark's error condition, such as `DELTA_CANNOT_MODIFY_APPEND_ONLY`; the message begins with it in brackets. */
  readonly condition: string | undefined;

  constructor(failure: {
    readonly message: string;
    readonly sqlState: string;
    readonly condition?: string | undefined;
  }) {
    const { message, condition } = failure;
    super(condition === undefined || message.startsWith('[') ? message : `[${condition}] ${message}`);
    this.name = 'SqlError';
    this.sqlState = failure.sqlState;
    this.condition = condition;
  }
}
