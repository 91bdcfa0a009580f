export type LocalJavaErrorCode =
  /** No Java is on the PATH, or one that is too old. */
  | 'java-missing'
  /** There is no Maven to fetch jars with. */
  | 'maven-missing'
  /** Maven could not fetch the jars; the message ends with what it said. */
  | 'download-failed'
  /** There is a Java, but no compiler beside it. */
  | 'compiler-missing'
  /** Java sources did not compile; the message ends with what the compiler said. */
  | 'compile-failed';

/** A program on this machine's Java could not be had; the message says what to do. */
export class LocalJavaError extends Error {
  readonly code: LocalJavaErrorCode;

  constructor(code: LocalJavaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LocalJavaError';
    this.code = code;
  }
}
