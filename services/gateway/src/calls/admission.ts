import type { Endpoint } from '../body/protocol.ts';
import type { RequestFacts } from '../body/request-body.ts';
import type { Held } from '../budgets/budgets.ts';
import type { Arrival } from '../callers/arrival.ts';
import type { Opened } from '../events/recorder.ts';
import type { EventSubject } from '../events/request-events.ts';
import type { OutputRules } from '../output/output-rules.ts';
import type { CallPayloads } from '../payloads/call-payloads.ts';
import type { Route } from '../routing/route.ts';
import type { Target } from '../routing/target.ts';
import type { Fallbacks } from './attempts/fallbacks.ts';

/** An allowed request, ready to go upstream. */
export interface Admission {
  readonly arrival: Arrival;
  readonly endpoint: Endpoint;
  /** Below a target's base URL. */
  readonly path: string;
  readonly facts: RequestFacts;
  readonly route: Route;
  /** The first to be asked. */
  readonly target: Target;
  /** Null where there is no other. */
  readonly fallbacks: Fallbacks | null;
  readonly subject: EventSubject;
  /** Null where the call passes without a record. */
  readonly opened: Opened | null;
  /** What the first target is sent. */
  readonly body: Buffer;
  /** What it holds of the limits that apply to it; null where none does. Settled with the final usage. */
  readonly held: Held | null;
  /** What holds for the answer; null where it passes as it comes. */
  readonly output: OutputRules | null;
  /** What the payload vault keeps of it; null where nothing is. */
  readonly payloads: CallPayloads | null;
}
