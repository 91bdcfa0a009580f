import type { Mark } from './segment-header.ts';
import type { Position } from './spool.ts';

/** One file that holds frames. Its bytes have the positions from `base` on, its header's included. */
export interface Segment {
  readonly index: number;
  readonly path: string;
  readonly base: Position;
  readonly bytes: number;
  readonly source: string;
  readonly salt: number;
  readonly before: Mark;
  /** Position behind its last frame; null for the one that is being written. */
  end: Position | null;
  /** Open while written or not yet synced. */
  fd: number | null;
  /** Requests that began here and are not closed. */
  holds: number;
  /** Where the log's head stood when a hold was last released: what closed the request lies before. */
  releasedAt: Position;
  /** When the broker had acknowledged all of it, by the monotonic clock; null until then. */
  acknowledgedAtMs: number | null;
}

/** A file of zeros that waits to become a segment. */
export interface Spare {
  readonly index: number;
  readonly fd: number;
  readonly bytes: number;
}
