import { SyncError } from '../../errors.ts';

const LOCKED =
  /could not set lock on file|conflicting lock|being used by another process|different configuration/i;

/** What DuckDB's error means for the delivery. Its messages can quote values, so only their first words are kept. */
export function duckdbError(cause: unknown): SyncError {
  if (cause instanceof SyncError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (LOCKED.test(message)) {
    return new SyncError('target_busy', 'another process has the file open: close it there', { cause });
  }
  const kind = /^([A-Za-z ]+ Error):/.exec(message)?.[1] ?? 'error';
  return kind === 'IO Error' || kind === 'INTERRUPT Error' || kind === 'Out of Memory Error'
    ? new SyncError(
        'target_unavailable',
        `DuckDB: ${kind}: is the file's folder there, writable and not full?`,
        {
          cause,
        },
      )
    : new SyncError('target_refused', `DuckDB: ${kind}: see the log`, { cause });
}
