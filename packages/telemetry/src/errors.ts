export type TelemetryErrorCode = 'metric_name';

/** A metric or logger was set up wrongly: a mistake in our code, never in input. */
export class TelemetryError extends Error {
  readonly code: TelemetryErrorCode;

  constructor(code: TelemetryErrorCode, message: string) {
    super(message);
    this.name = 'TelemetryError';
    this.code = code;
  }
}
