import { writeRefusal } from '../../api/answers.ts';
import { type Refusal, refuse } from '../../errors.ts';
import type { Begun } from '../../events/recorder.ts';
import type { DecisionMembers, EventSubject } from '../../events/request-events.ts';
import type { Deliverable } from '../deliveries.ts';
import type { CallEnvironment } from '../environment.ts';
import type { FirstEvents } from './first-events.ts';
import type { Admitted, Incoming } from './incoming.ts';

/** What was decided on a request that is turned away, and for what findings. */
type Verdict = Pick<DecisionMembers, 'outcome' | 'findings'>;

export const REJECTED: Verdict = { outcome: 'rejected', findings: [] };

/** Records what the intake does not let on, and tells its caller why. */
export class TurningAway {
  readonly #env: CallEnvironment;
  readonly #events: FirstEvents;

  constructor(env: CallEnvironment, events: FirstEvents) {
    this.#env = env;
    this.#events = events;
  }

  /**
   * Turns a request away.
   *
   * @param verdict denied by a policy or a limit, or else rejected
   * @param begun of a request that was begun before it was decided on
   * @param subjectOf what the events say of it, where that was told already
   */
  turnAway(
    { incoming, admittance, known }: Admitted,
    refusal: Refusal,
    verdict: Verdict = REJECTED,
    begun: Begun | null = null,
    subjectOf: EventSubject | null = null,
  ): void {
    const { outcome, findings } = verdict;
    this.#env.tallies.ended(incoming.endpoint, outcome === 'denied' ? 'denied' : 'rejected');
    if (findings.length > 0) this.#env.tallies.found('input', findings);
    if (admittance === 'unrecorded') {
      writeRefusal(incoming.res, incoming.arrival.requestId, refusal);
      return;
    }
    const subject = subjectOf ?? this.#events.subject(incoming, known.model, known.target);
    const decision = { outcome, code: refusal.code, findings, leaseIds: [] };
    const opened = this.#events.open(incoming, known, subject, decision, begun);
    if (opened === 'refused') return;
    opened.hold.release();
    this.#env.deliveries.add(new TurnedAway(incoming, refusal), true);
  }
}

/** The answer to a denied or rejected request; it waits until the decision is written. */
class TurnedAway implements Deliverable {
  queued = false;
  readonly #incoming: Incoming;
  readonly #refusal: Refusal;

  constructor(incoming: Incoming, refusal: Refusal) {
    this.#incoming = incoming;
    this.#refusal = refusal;
  }

  deliver(failure: Error | null): void {
    const { res, arrival } = this.#incoming;
    if (res.destroyed) return;
    writeRefusal(res, arrival.requestId, failure === null ? this.#refusal : refuse('audit_unavailable'));
  }
}
