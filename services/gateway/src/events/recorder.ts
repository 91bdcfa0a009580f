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

/** A request whose event stands in the spool and whose decision does not yet. */
export interface Begun {
  readonly position: Position;
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
    return this.decide(this.begin(subject, request), subject, decision);
  }

  /** The request, whose decision has to wait. @throws SpoolError where there is no room */
  begin(subject: EventSubject, request: RequestMembers): Begun {
    const spool = this.#spool;
    const json = this.#events.request(subject, spool.nextSequence(), request);
    const position = spool.append('tollgate.request.v1', json);
    return { position, hold: spool.hold(position) };
  }

  /**
   * The decision of a request. @throws SpoolError where there is no room; its beginning then stays held, and the next
   * start of the gateway closes it.
   */
  decide({ hold }: Begun, subject: EventSubject, decision: DecisionMembers): Opened {
    const spool = this.#spool;
    const position = spool.append(
      'tollgate.decision.v1',
      this.#events.decision(subject, spool.nextSequence(), decision),
    );
    return { position, hold };
  }

  /** What was found in an answer, and whether it may go on. @throws SpoolError where there is no room */
  decideOutput(subject: EventSubject, decision: Omit<DecisionMembers, 'phase'>): void {
    const spool = this.#spool;
    const about = { ...decision, phase: 'output' } as const;
    spool.append('tollgate.decision.v1', this.#events.decision(subject, spool.nextSequence(), about));
  }

  /** What one attempt used. @throws SpoolError where there is no room */
  use(subject: EventSubject, usage: UsageMembers): Position {
    const spool = this.#spool;
    return spool.append('tollgate.usage.v1', this.#events.usage(subject, spool.nextSequence(), usage));
  }
}
