import type { RequestFacts } from '../../body/request-body.ts';
import type { Held } from '../../budgets/budgets.ts';
import { refuse } from '../../errors.ts';
import type { Begun } from '../../events/recorder.ts';
import type { DecisionMembers } from '../../events/request-events.ts';
import type { CapturedCall } from '../../payloads/payloads.ts';
import { Fallbacks } from '../attempts/fallbacks.ts';
import { Call } from '../call.ts';
import type { CallEnvironment } from '../environment.ts';
import { withNotes } from './checking.ts';
import type { FirstEvents } from './first-events.ts';
import type { Incoming, Ready } from './incoming.ts';
import { REJECTED, type TurningAway } from './turning-away.ts';

const ALLOWED: DecisionMembers = { outcome: 'allowed', code: null, findings: [], leaseIds: [] };

/** Sends what the intake lets on its way: its body is kept where it has to be, its events are appended, its call starts. */
export class LettingIn {
  readonly #env: CallEnvironment;
  readonly #events: FirstEvents;
  readonly #away: TurningAway;

  constructor(env: CallEnvironment, events: FirstEvents, away: TurningAway) {
    this.#env = env;
    this.#events = events;
    this.#away = away;
  }

  /**
   * Lets a request in, unless its body or its events can't be kept: then it is answered, and gives back what it holds.
   *
   * @param held what it holds of its limits; null where none applies
   * @param outputLimit the most tokens of its answer; null where nothing limits them
   * @param begun of a request that was begun before it was decided on
   */
  letIn(ready: Ready, held: Held | null, outputLimit: number | null, begun: Begun | null): void {
    const { incoming, admittance, known, route, target, path, checked, subject } = ready;
    const { facts, bytes } = checked;
    const findings = withNotes(target, checked.findings);
    const { arrival, endpoint, policy, res } = incoming;
    const env = this.#env;
    const capture = policy.payloadsFor(known.model ?? '');
    const payloads =
      capture === null || env.payloads === null
        ? null
        : env.payloads.begin(capture, capturedCall(incoming, facts), bytes);
    if (payloads === null && capture?.mode === 'required') {
      if (held !== null) env.budgets?.cancel(held);
      this.#away.turnAway(ready, refuse('payloads_unavailable'), REJECTED, begun, subject);
      return;
    }
    const leaseIds = held?.reservation.leaseIds ?? ALLOWED.leaseIds;
    const decision = findings.length === 0 && held === null ? ALLOWED : { ...ALLOWED, findings, leaseIds };
    const opened =
      admittance === 'unrecorded' ? null : this.#events.open(incoming, known, subject, decision, begun);
    if (opened === 'refused') {
      if (held !== null) env.budgets?.cancel(held);
      return;
    }
    if (findings.length > 0) env.tallies.found('input', findings);
    const sendable = { arrival, endpoint, facts, bytes, outputLimit };
    const several = route.targets.length > 1;
    const admission = {
      arrival,
      endpoint,
      path,
      facts,
      route,
      target,
      fallbacks: several ? new Fallbacks(route, target, policy, sendable) : null,
      subject,
      opened,
      body: env.requests.body(sendable, target, path, 1),
      held,
      output: checked.output,
      payloads,
    };
    new Call(env, admission, res).start();
  }
}

function capturedCall({ arrival, policy }: Incoming, facts: RequestFacts): CapturedCall {
  return {
    requestId: arrival.requestId,
    caller: arrival.caller,
    endUser: facts.endUser,
    requestedAtMs: arrival.requestedAtMs,
    retentionDays: policy.retentionDays,
  };
}
