export type DatabaseErrorCode =
  /** A statement failed inside a transaction whose handler went on, so the commit became a rollback. */
  | 'transaction_aborted'
  /** A transaction was used after it had ended. */
  | 'transaction_ended'
  /** Nothing answers at the URL. */
  | 'unreachable'
  /** Of rows that were sent by COPY, another number arrived. */
  | 'copy_incomplete'
  /** Migrations are missing: run `tollgate database migrate`. */
  | 'not_migrated'
  /** The database has migrations that this release does not know. */
  | 'migrated_by_newer_release'
  /** An applied migration file was changed afterwards. */
  | 'migration_changed'
  /** A new migration file has a number at or below one already applied. */
  | 'migration_out_of_order'
  /** A migration folder holds a misnamed file, or two files of one number. */
  | 'migration_misnamed'
  /** A migration's SQL failed. */
  | 'migration_failed'
  /** An identifier or argument that the caller chose cannot be used. */
  | 'bad_argument'
  /** The embedded server has no binaries for this platform. */
  | 'embedded_unsupported'
  /** Another live process runs the embedded server of this folder. */
  | 'embedded_in_use'
  /** The embedded server did not start; the message quotes its log. */
  | 'embedded_start_failed'
  /** The embedded server did not stop in time. */
  | 'embedded_stop_failed';

/** Every error that this package itself raises. Errors of the server arrive as `pg` throws them. */
export class DatabaseError extends Error {
  readonly code: DatabaseErrorCode;

  constructor(code: DatabaseErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DatabaseError';
    this.code = code;
  }
}
