/** An event's data, parsed. */
export type EventData = Record<string, unknown>;

/** What becomes of one event of a stream whose texts are guarded. */
export interface Rewritten {
  /** Events to send before it: texts that were held back until now. */
  readonly before: readonly EventData[];
  /** Whether its own data, which is changed in place, is not what came. */
  readonly changed: boolean;
}

/** The events of one stream, in the terms of its protocol. */
export interface GuardedEvents {
  /** Puts in place of the texts of an event what may go out of them by now. */
  rewrite(data: EventData): Rewritten;
  /** Events with what was held back, at the end of a stream that did not end its texts itself. */
  rest(): readonly EventData[];
  /** Whether the stream holds more texts at once than anybody asks for. */
  readonly isOverfull: boolean;
}
