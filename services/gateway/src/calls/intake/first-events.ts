import { addressPrefix } from '../../callers/address-prefix.ts';
import type { Begun, Opened } from '../../events/recorder.ts';
import type { DecisionMembers, EventSubject, RequestMembers } from '../../events/request-events.ts';
import type { Target } from '../../routing/target.ts';
import type { CallEnvironment } from '../environment.ts';
import type { AdmissionControl } from './admission-control.ts';
import type { Incoming, Known } from './incoming.ts';

/** The events that the intake appends: the request, and what was decided on it. One that can't be is refused. */
export class FirstEvents {
  readonly #env: CallEnvironment;
  readonly #admission: AdmissionControl;

  constructor(env: CallEnvironment, admission: AdmissionControl) {
    this.#env = env;
    this.#admission = admission;
  }

  /** What every event of the request says of it. */
  subject({ arrival, policy, req }: Incoming, model: string | null, target: Target | null): EventSubject {
    return this.#env.subjects.of(arrival, policy, req, model, target);
  }

  /** The request, whose decision has to wait. `refused`: it could not be recorded, and is answered. */
  begin(incoming: Incoming, known: Known, subject: EventSubject): Begun | 'refused' {
    return this.#recorded(incoming, () => this.#env.recorder.begin(subject, requestMembers(incoming, known)));
  }

  /** Request and decision; the decision alone of a request that had begun. `refused`: as with {@link begin}. */
  open(
    incoming: Incoming,
    known: Known,
    subject: EventSubject,
    decision: DecisionMembers,
    begun: Begun | null,
  ): Opened | 'refused' {
    const { recorder } = this.#env;
    return this.#recorded(incoming, () =>
      begun === null
        ? recorder.open(subject, requestMembers(incoming, known), decision)
        : recorder.decide(begun, subject, decision),
    );
  }

  #recorded<T>(incoming: Incoming, record: () => T): T | 'refused' {
    try {
      return record();
    } catch (error) {
      this.#env.log.error({ err: error, code: 'audit_unavailable' }, 'request not recorded');
      return this.#admission.refuse(incoming, 'audit_unavailable');
    }
  }
}

function requestMembers(incoming: Incoming, { facts }: Known): RequestMembers {
  return {
    endpoint: incoming.endpoint,
    stream: facts?.stream ?? false,
    body_bytes: incoming.bodyBytes,
    input_count: facts?.inputCount ?? null,
    max_output_tokens: facts?.maxOutputTokens ?? null,
    end_user: facts?.endUser ?? null,
    client_prefix: addressPrefix(incoming.req.socket.remoteAddress),
  };
}
