export type SpoolErrorCode =
  /** The byte cap is reached, or the disk is full: nothing was appended. Passes when the broker acknowledges. */
  | 'spool-full'
  /** The disk refused a write or a sync. After a failed sync only a restart on a sound disk helps. */
  | 'spool-failed'
  /** The spool was stopped; the process is ending. */
  | 'spool-stopped'
  /** The level asked for was not reached in time; it may still be reached later. */
  | 'spool-timeout'
  /** Another process works on this folder. */
  | 'spool-locked'
  /** The folder belongs to another gateway instance. */
  | 'spool-foreign'
  /** An event is larger than consumers accept. */
  | 'event-too-large'
  /** Another service gave no answer that can be used; asked again later. */
  | 'service-answer'
  /** A setting that can't work. */
  | 'spool-setting';

/** Every error that the spool and what works on it raise. */
export class SpoolError extends Error {
  readonly code: SpoolErrorCode;

  constructor(code: SpoolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SpoolError';
    this.code = code;
  }
}

/** What the operating system calls an error, such as `ENOSPC`; empty where it is none of its. */
export function systemCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return '';
}

/** What a caller is told of a disk that fails. */
export function diskError(operation: 'write' | 'sync', cause: unknown): SpoolError {
  const code = systemCode(cause) || 'unknown cause';
  return new SpoolError(
    'spool-failed',
    operation === 'write'
      ? `the spool's disk refuses writes (${code}): free space or replace it`
      : `the spool's disk failed to sync (${code}): replace it and restart the gateway`,
    { cause },
  );
}
