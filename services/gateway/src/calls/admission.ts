import type { Endpoint } from '../body/protocol.ts';
import type { RequestFacts } from '../body/request-body.ts';
import type { Held } from '../budgets/budgets.ts';
import type { Opened } from '../events/recorder.ts';
import type { EventSubject } from '../events/request-events.ts';
import type { Target } from '../policy/policy.ts';
import type { Arrival } from './arrival.ts';

/** An allowed request, ready to go upstream. */
export interface Admission {
  readonly arrival: Arrival;
  readonly endpoint: Endpoint;
  /** Below the target's base URL. */
  readonly path: string;
  readonly facts: RequestFacts;
  readonly target: Target;
  readonly subject: EventSubject;
  /** Null where the call passes without a record. */
  readonly opened: Opened | null;
  readonly body: Buffer;
  /** What it holds of the limits that apply to it; null where none does. Settled with the final usage. */
  readonly held: Held | null;
}
