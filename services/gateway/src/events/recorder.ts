import type { Hold, Position, Spool } from '../spool/spool.ts';
import type {
  DecisionMembers,
  EventSubject,
  RequestEvents,
  RequestMembers,
  UsageMembers,
} from './request-events.ts';

/** Where the events of a request stand in the spool. */
export interface Opened {
  /** Of the decision: what durability is asked for. */
  readonly position: Position;
  /** Kept until the request is closed, so that recovery finds its beginning. */
  readonly hold: Hold;
}

/** Puts the events of requests into the spool, in the order that consumers rely on least and recovery most. */
export class Recorder {
  readonly #spool: Spool;
  readonly #events: RequestEvents;

  constructor(spool: Spool, events: RequestEvents) {
    this.#spool = spool;
    this.#events = events;
  }

  /** Request and decision, together. @throws SpoolError where there is no room */
  open(subject: EventSubject, request: RequestMembers, decision: DecisionMembers): Opened {
    const spool = this.#spool;
    const first = spool.append(
      'tollgate.request.v1',
      this.#events.request(subject, spool.nextSequence(), request),
    );
    const position = spool.append(
      'tollgate.decision.v1',
      this.#events.decision(subject, spool.nextSequence(), decision),
    );
    return { position, hold: spool.hold(first) };
  }

  /** What one attempt used. @throws SpoolError where there is no room */
  use(subject: EventSubject, usage: UsageMembers): void {
    const spool = this.#spool;
    spool.append('tollgate.usage.v1', this.#events.usage(subject, spool.nextSequence(), usage));
  }
}
