export type SyncErrorCode =
  /** A value that no column of the target can hold exactly; the row is kept in `refused_row`. */
  | 'value_not_representable'
  /** Another process has the target open; tried again soon. */
  | 'target_busy'
  /** The target can't be reached, or does not answer in time; tried again. */
  | 'target_unavailable'
  /** The target lets nobody in with these credentials; tried again, since they may be rotated. */
  | 'target_denied'
  /** The target refused a statement: trying again alone won't help. */
  | 'target_refused'
  /** What the target answered is not what it was asked for. */
  | 'target_answer_wrong'
  /** Another writer has taken over; this one must stop. */
  | 'lead_lost';

type SyncErrorOptions = ErrorOptions & {
  /** How long the target asks to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
};

/** Every error that the delivery itself raises; the message says what to do. */
export class SyncError extends Error {
  readonly code: SyncErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(code: SyncErrorCode, message: string, options: SyncErrorOptions = {}) {
    super(message, options);
    this.name = 'SyncError';
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}
