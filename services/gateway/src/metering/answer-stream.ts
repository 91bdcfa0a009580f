import type { Quantities } from '@tollgate/events';

/** A stream of events on its way from the upstream to the caller. */
export interface AnswerStream {
  /** The latest usage the upstream stated. */
  readonly usage: Quantities | null;
  /** Bytes received. */
  readonly bytes: number;
  /** Bytes of produced text seen so far, for estimates. */
  readonly textBytes: number;
  /** The end event as it goes out once the answer is accounted for; null until it came. */
  readonly done: Buffer | null;
  /** The data of an error event that the upstream ended the stream with; not passed on as it is. */
  readonly error: Buffer | null;
  /** Whether the last event, which does go on, says that the answer failed. */
  readonly failed: boolean;
  /** Whether the upstream has said its last, be it the end event or an error. */
  readonly ended: boolean;
  /** Whether {@link take} would give anything. */
  readonly hasReady: boolean;
  /** Takes a chunk. False where more would have to be held than may be: the stream has to be given up. */
  push(chunk: Buffer): boolean;
  /** The upstream ended: what was held back is as whole as it will be. */
  end(): void;
  /** Everything that may go to the caller by now, in one piece; null where there is nothing. */
  take(): Buffer | null;
}
