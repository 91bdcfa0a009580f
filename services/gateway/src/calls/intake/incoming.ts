import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Endpoint } from '../../body/protocol.ts';
import type { RequestFacts } from '../../body/request-body.ts';
import type { Arrival } from '../../callers/arrival.ts';
import type { Begun } from '../../events/recorder.ts';
import type { EventSubject } from '../../events/request-events.ts';
import type { Policy } from '../../policy/policy.ts';
import type { Route } from '../../routing/route.ts';
import type { Target } from '../../routing/target.ts';
import type { Checked } from './checking.ts';

/** A request of a known caller on its way through the intake. */
export interface Incoming {
  readonly endpoint: Endpoint;
  readonly arrival: Arrival;
  /** The policy in force when it came. */
  readonly policy: Policy;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** As received, or as declared where the body was not taken in. */
  readonly bodyBytes: number;
}

/** What could be told about a request before it was decided on. */
export interface Known {
  readonly model: string | null;
  readonly facts: RequestFacts | null;
  readonly target: Target | null;
}

/** `recorded`: with its events. `unrecorded`: without, for there is no room for them, and none are asked for. */
export type Admittance = 'recorded' | 'unrecorded';

/** A request that there is room for, with or without its events. */
export interface Admitted {
  readonly incoming: Incoming;
  readonly admittance: Admittance;
  /** As it came. */
  readonly known: Known;
}

/** A request whose way upstream is known. */
export interface Routed extends Admitted {
  readonly route: Route;
  readonly target: Target;
  /** Below its base URL. */
  readonly path: string;
}

/** What was recorded of a request before it was decided on. */
export interface Early {
  /** Null where it passes without a record. */
  readonly begun: Begun | null;
  readonly subject: EventSubject;
}

/** A request that everything but its budget allows. */
export interface Ready extends Routed, Early {
  readonly checked: Checked;
}
