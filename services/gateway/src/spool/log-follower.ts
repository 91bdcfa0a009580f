import type { Mark } from './segment-header.ts';
import type { Position } from './spool.ts';

/** A mark and the position behind its last event. */
export interface DurableMark extends Mark {
  readonly position: Position;
}

/** What carries a log on to the bus. */
export interface LogFollower {
  /** More is on disk. */
  durable(): void;
  /** Somebody waits until the broker has everything up to `position`: publish at once. */
  urgent(position: Position): void;
}
