export type AuditErrorCode =
  /** A frame of the archive does not hold what its checksum or place says. */
  | 'archive_corrupt'
  /** A segment is missing, or shorter than the log says. */
  | 'archive_truncated'
  /** Another integrator has taken over: this one must stop writing. */
  | 'leadership_lost'
  /** The log and the inbox contradict each other; nothing was committed. */
  | 'log_inconsistent'
  /** A leaf record can't be built from these values. */
  | 'leaf_unencodable'
  /** A checkpoint was published of more than the database holds: an old backup was restored. */
  | 'log_rolled_back'
  /** Tiles or a checkpoint are there that another history made. */
  | 'log_forked'
  /** The log's signing key is missing, or is not this log's. */
  | 'log_key'
  /** A file of the log could not be fetched. */
  | 'log_unreadable'
  /** The object store can't be used, or refused. */
  | 'object_store'
  /** A witness is named wrongly, or did not do its part. */
  | 'witness'
  /** An event and its proof do not fit each other, or the key. */
  | 'not_proven';

/** Every error that the audit service itself raises outside its HTTP answers. */
export class AuditError extends Error {
  readonly code: AuditErrorCode;

  constructor(code: AuditErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AuditError';
    this.code = code;
  }
}
