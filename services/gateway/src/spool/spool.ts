import type { EventType } from '@tollgate/events';

/** How safe an append has to be before its effect may be seen. */
export type Durability = 'relaxed' | 'disk' | 'broker';

/** A place in the spool, growing with every append. */
export type Position = number;

/** Keeps the segments from `position` on, until the request that began there is closed. */
export interface Hold {
  release(): void;
}

/**
 * What the hot path sees of the spool. All methods are synchronous; none waits for a disk but `flush`, which is
 * a `write` to the page cache.
 */
export interface Spool {
  /** `/gateways/<instance>/<epoch>`. */
  readonly source: string;
  /** The `sequence` member (19 digits) that the next appended event has to carry. */
  nextSequence(): string;
  /**
   * Appends one event under the number that `nextSequence` gave, and moves on to the next number.
   * @throws SpoolError `spool-full`: nothing was appended and no number was given
   */
  append(type: EventType, json: string): Position;
  /** Whether `bytes` more can be appended; asked before a request is admitted. */
  hasRoom(bytes: number): boolean;
  /** Keeps the segment of a request's first event until the request is closed, so that recovery can find it. */
  hold(position: Position): Hold;
  /** A frame for recovery alone: what a running stream has produced so far. Not an event, not numbered. */
  progress(requestId: string, outputBytes: number, outputTokens: number): void;
  /** Writes everything appended so far to the page cache, now: survives kill -9 of this process. */
  flush(): void;
  /**
   * Calls back once everything up to `position` is written (`relaxed`), on disk (`disk`) or acknowledged by the
   * broker (`broker`); with the error if that can't be had. Appends that wait together share one commit.
   */
  after(level: Durability, position: Position, done: (error: Error | null) => void): void;
}
