import type { IncomingMessage, ServerResponse } from 'node:http';
import { writeRefusal } from '../api/answers.ts';
import type { Inference } from '../body/protocol.ts';
import { factsOf, isUnreadable, parsedBody, type RequestFacts } from '../body/request-body.ts';
import type { Applicable } from '../budgets/applicable-limits.ts';
import { limitedTo } from '../budgets/bounds.ts';
import { type Budgets, type Held, isHeld, isPending } from '../budgets/budgets.ts';
import { addressPrefix } from '../callers/address-prefix.ts';
import { BarredRoute } from '../catalog/barred-route.ts';
import { type Refusal, refuse } from '../errors.ts';
import type { Begun, Opened } from '../events/recorder.ts';
import type { DecisionMembers, EventSubject, RequestMembers } from '../events/request-events.ts';
import type { CapturedCall } from '../payloads/payloads.ts';
import type { ChainAnswer, PendingAnswer, Policy, Target } from '../policy/policy.ts';
import type { Route } from '../routing/route.ts';
import { upstreamPath } from '../upstream/paths.ts';
import type { AdmissionControl, Admittance } from './admission-control.ts';
import type { Arrival } from './arrival.ts';
import { Call } from './call.ts';
import {
  askChain,
  askJudge,
  type Checked,
  leastLimit,
  limitedByRoute,
  unservable,
  withNotes,
} from './checking.ts';
import type { CallEnvironment } from './environment.ts';
import { Fallbacks } from './fallbacks.ts';
import type { Incoming } from './incoming.ts';
import { TurnedAway } from './turned-away.ts';
import { WaitingCall } from './waiting-call.ts';

const NO_FINDINGS: DecisionMembers['findings'] = [];
const ALLOWED: DecisionMembers = { outcome: 'allowed', code: null, findings: NO_FINDINGS, leaseIds: [] };

const REJECTED = { outcome: 'rejected', findings: [] } as const;
const OUT_OF_BUDGET = { outcome: 'denied', findings: [] } as const;

export interface IntakeParts {
  readonly env: CallEnvironment;
  readonly admission: AdmissionControl;
  /** The policy in force. */
  readonly policy: () => Policy;
}

/** What could be told about a request before it was decided on. */
interface Known {
  readonly model: string | null;
  readonly facts: RequestFacts | null;
  readonly target: Target | null;
}

const NOTHING_KNOWN: Known = { model: null, facts: null, target: null };

/** A request whose way upstream is known. */
interface Routed {
  readonly incoming: Incoming;
  readonly admittance: Exclude<Admittance, 'refused'>;
  /** As it came. */
  readonly known: Known;
  readonly route: Route;
  readonly target: Target;
  /** Below its base URL. */
  readonly path: string;
}

/** What was recorded of a request before it was decided on. */
interface Early {
  /** Null where it passes without a record. */
  readonly begun: Begun | null;
  readonly subject: EventSubject;
}

/** A request that everything but its budget allows. */
interface Ready extends Routed, Early {
  readonly checked: Checked;
}

/** Decides on each request: refused, rejected, denied, or allowed and on its way upstream. */
export class Intake {
  readonly #parts: IntakeParts;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** Serves a request whose body has arrived. Never throws; answers on `res` in its own time. */
  serve(asked: Inference, arrival: Arrival, req: IncomingMessage, res: ServerResponse, raw: Buffer): void {
    const policy = this.#parts.policy();
    const { endpoint, modelInPath } = asked;
    const incoming = { endpoint, arrival, policy, req, res, bodyBytes: raw.length };
    const admittance = this.#parts.admission.admit(incoming);
    if (admittance === 'refused') return;
    const body = parsedBody(raw);
    if (body === null) {
      this.#turnAway(incoming, admittance, NOTHING_KNOWN, refuse('invalid_json'));
      return;
    }
    const facts = factsOf(endpoint, body, modelInPath);
    if (isUnreadable(facts)) {
      const known = { model: facts.model, facts: null, target: null };
      this.#turnAway(incoming, admittance, known, facts.refusal);
      return;
    }
    const { model } = facts;
    const { env } = this.#parts;
    const route = policy.routeFor(model, arrival.requestedAtMs);
    if (route instanceof BarredRoute) {
      const { refusal, findings } = route;
      const unrouted = { model, facts, target: null };
      this.#turnAway(incoming, admittance, unrouted, refusal, { outcome: 'denied', findings });
      return;
    }
    const target = route === null ? null : route.choose(env.clock.monotonic());
    const known = { model, facts, target };
    if (route === null || target === null) {
      this.#turnAway(incoming, admittance, known, refuse('model_not_found'));
      return;
    }
    const path = upstreamPath(target, endpoint, facts.protocol);
    const why = unservable(target, facts.protocol, path);
    if (path === null || why !== null) {
      this.#turnAway(incoming, admittance, known, why ?? refuse('model_not_for_endpoint'));
      return;
    }
    const { caller } = arrival;
    const answer =
      policy.chain === null
        ? ({
            refusal: null,
            findings: NO_FINDINGS,
            facts,
            bytes: raw,
            outputLimit: null,
            output: null,
          } as const)
        : askChain(policy.chain, { caller, endpoint, facts, body }, env.log);
    const routed = { incoming, admittance, known, route, target, path };
    if (answer !== null && 'judge' in answer) this.#awaitJudge(routed, model, answer);
    else this.#decided(routed, model, answer, null);
  }

  /** Has a request wait for the safety filter's judge, who is asked once its beginning is safe. */
  #awaitJudge(routed: Routed, model: string, pending: PendingAnswer): void {
    const { incoming, admittance, known, route, target } = routed;
    const { env } = this.#parts;
    const subject = this.#subject(incoming, model, target);
    const begun = admittance === 'unrecorded' ? null : this.#begin(incoming, known, subject);
    if (begun === 'refused') return;
    const controller = new AbortController();
    const leave = (): boolean => {
      if (controller.signal.aborted) return false;
      controller.abort();
      return true;
    };
    const waiting = new WaitingCall(env, incoming.res, leave, (why) =>
      this.#turnAway(incoming, admittance, known, refuse(why), REJECTED, begun, subject),
    );
    const ask = async (error: Error | null): Promise<void> => {
      waiting.safeByMs = Number.POSITIVE_INFINITY;
      if (controller.signal.aborted) return;
      if (error !== null) {
        env.log.error({ err: error, code: 'audit_unavailable' }, 'judge not asked: the request is not safe');
        waiting.giveUp('audit_unavailable');
        return;
      }
      const answer = await askJudge(pending, controller.signal, env.log);
      if (!leave()) return;
      this.#decided(routed, model, answer, { begun, subject });
      waiting.over();
    };
    waiting.safeByMs = env.clock.monotonic() + env.limits.recordTimeoutMs;
    waiting.start();
    if (begun === null) void ask(null);
    else env.spool.after(route.durability, begun.position, ask);
  }

  /**
   * What the chain said of a request; null: it failed.
   *
   * @param early of a request that was begun before it was decided on
   */
  #decided(routed: Routed, model: string, answer: ChainAnswer | null, early: Early | null): void {
    const { incoming, admittance, known, route, target } = routed;
    const begun = early?.begun ?? null;
    const subjectOf = early?.subject ?? null;
    if (answer === null) {
      this.#turnAway(incoming, admittance, known, refuse('policy_failed'), REJECTED, begun, subjectOf);
      return;
    }
    if (answer.refusal !== null) {
      const { refusal } = answer;
      const findings = withNotes(target, answer.findings);
      this.#turnAway(incoming, admittance, known, refusal, { outcome: 'denied', findings }, begun, subjectOf);
      return;
    }
    const subject = subjectOf ?? this.#subject(incoming, model, target);
    const checked = limitedByRoute(answer, route);
    const ready = { ...routed, checked, subject, begun };
    const { budgets } = this.#parts.env;
    const { arrival, policy } = incoming;
    const applicable = budgets?.applicable(arrival.caller, policy, model, target) ?? null;
    if (budgets === null || applicable === null) this.#letIn(ready, null, checked.outputLimit, begun);
    else this.#reserve(ready, budgets, applicable);
  }

  /** Lets a request in as far as its budget goes: at once, or after it has waited for a lease. */
  #reserve(ready: Ready, budgets: Budgets, applicable: Applicable): void {
    const { incoming, admittance, known, target, checked } = ready;
    const { arrival } = incoming;
    const atMs = arrival.requestedAtMs;
    const bodyBytes = checked.bytes.length;
    const asked = { applicable, facts: checked.facts, target, bodyBytes, atMs };
    const outputLimit = leastLimit(checked.outputLimit, budgets.outputLimit(asked));
    // What a policy limits is bound by what is sent, not by what the body says.
    const limited = checked.outputLimit !== null && outputLimit !== null;
    const request = limited ? { ...asked, facts: limitedTo(checked.facts, outputLimit) } : asked;
    const outcome = budgets.reserve(request);
    if (isHeld(outcome)) {
      this.#letIn(ready, outcome, outputLimit, ready.begun);
      return;
    }
    if (!isPending(outcome)) {
      this.#turnAway(incoming, admittance, known, outcome, OUT_OF_BUDGET, ready.begun, ready.subject);
      return;
    }
    const begun =
      admittance === 'unrecorded' ? null : (ready.begun ?? this.#begin(incoming, known, ready.subject));
    if (begun === 'refused') return;
    const leave = budgets.wait(request, outcome, (later) => {
      if (isHeld(later)) this.#letIn(ready, later, outputLimit, begun);
      else this.#turnAway(incoming, admittance, known, later, OUT_OF_BUDGET, begun, ready.subject);
      waiting.over();
    });
    const waiting = new WaitingCall(this.#parts.env, incoming.res, leave, (why) =>
      this.#turnAway(incoming, admittance, known, refuse(why), REJECTED, begun, ready.subject),
    );
    waiting.start();
  }

  #letIn(ready: Ready, held: Held | null, outputLimit: number | null, begun: Begun | null): void {
    const { incoming, admittance, known, route, target, path, checked, subject } = ready;
    const { facts, bytes } = checked;
    const findings = withNotes(target, checked.findings);
    const { arrival, endpoint, policy, res } = incoming;
    const { env } = this.#parts;
    const capture = incoming.policy.payloadsFor(known.model ?? '');
    const payloads =
      capture === null || env.payloads === null
        ? null
        : env.payloads.begin(capture, capturedCall(incoming, facts), bytes);
    if (payloads === null && capture?.mode === 'required') {
      if (held !== null) env.budgets?.cancel(held);
      this.#turnAway(incoming, admittance, known, refuse('payloads_unavailable'), REJECTED, begun, subject);
      return;
    }
    const leaseIds = held?.reservation.leaseIds ?? ALLOWED.leaseIds;
    const decision = findings.length === 0 && held === null ? ALLOWED : { ...ALLOWED, findings, leaseIds };
    const opened = admittance === 'unrecorded' ? null : this.#open(incoming, known, subject, decision, begun);
    if (opened === 'refused') {
      if (held !== null) env.budgets?.cancel(held);
      return;
    }
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

  /** Records a request whose body could not be taken in, such as one that is too large, and answers it. */
  rejectUnread(
    endpoint: Inference['endpoint'],
    arrival: Arrival,
    req: IncomingMessage,
    res: ServerResponse,
    refusal: Refusal,
  ): void {
    const declared = Number(req.headers['content-length']);
    const bodyBytes = Number.isSafeInteger(declared) && declared >= 0 ? declared : 0;
    const incoming = { endpoint, arrival, policy: this.#parts.policy(), req, res, bodyBytes };
    const admittance = this.#parts.admission.admit(incoming);
    if (admittance === 'refused') return;
    this.#turnAway(incoming, admittance, NOTHING_KNOWN, refusal);
  }

  #turnAway(
    incoming: Incoming,
    admittance: Admittance,
    known: Known,
    refusal: Refusal,
    verdict: Pick<DecisionMembers, 'outcome' | 'findings'> = REJECTED,
    begun: Begun | null = null,
    subjectOf: EventSubject | null = null,
  ): void {
    const { env } = this.#parts;
    const { outcome, findings } = verdict;
    env.tallies.ended(incoming.endpoint, outcome === 'denied' ? 'denied' : 'rejected');
    if (admittance === 'unrecorded') {
      writeRefusal(incoming.res, incoming.arrival.requestId, refusal);
      return;
    }
    const subject = subjectOf ?? this.#subject(incoming, known.model, known.target);
    const decision = { outcome, code: refusal.code, findings, leaseIds: [] };
    const opened = this.#open(incoming, known, subject, decision, begun);
    if (opened === 'refused') return;
    opened.hold.release();
    env.deliveries.add(new TurnedAway(incoming, refusal), true);
  }

  #subject({ arrival, policy, req }: Incoming, model: string | null, target: Target | null): EventSubject {
    return this.#parts.env.subjects.of(arrival, policy, req, model, target);
  }

  /** Request and decision; the decision alone of a request that had begun. */
  #open(
    incoming: Incoming,
    known: Known,
    subject: EventSubject,
    decision: DecisionMembers,
    begun: Begun | null,
  ): Opened | 'refused' {
    const { recorder } = this.#parts.env;
    return this.#recorded(incoming, () =>
      begun === null
        ? recorder.open(subject, requestMembers(incoming, known), decision)
        : recorder.decide(begun, subject, decision),
    );
  }

  #begin(incoming: Incoming, known: Known, subject: EventSubject): Begun | 'refused' {
    const { recorder } = this.#parts.env;
    return this.#recorded(incoming, () => recorder.begin(subject, requestMembers(incoming, known)));
  }

  #recorded<T>(incoming: Incoming, record: () => T): T | 'refused' {
    const { env, admission } = this.#parts;
    try {
      return record();
    } catch (error) {
      env.log.error({ err: error, code: 'audit_unavailable' }, 'request not recorded');
      return admission.refuse(incoming, 'audit_unavailable');
    }
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
