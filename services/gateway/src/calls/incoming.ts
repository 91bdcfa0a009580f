import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Endpoint } from '../body/protocol.ts';
import type { Policy } from '../policy/policy.ts';
import type { Arrival } from './arrival.ts';

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
