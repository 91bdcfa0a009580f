/** Figures of a spool and its source, for metrics and tests. */
export interface SourceStats {
  /** Bytes of all spool files. */
  readonly usedBytes: number;
  /** Bytes and events on disk or in memory that the broker has not acknowledged. */
  readonly unacknowledgedBytes: number;
  readonly unacknowledgedEvents: number;
  readonly oldestUnacknowledgedMs: number;
  readonly sequence: number;
  readonly durableSequence: number;
  readonly syncs: number;
  /** Rolls that had to wait for a file. */
  readonly blockingRolls: number;
  readonly openHolds: number;
  readonly resentEvents: number;
  readonly registered: boolean;
}
