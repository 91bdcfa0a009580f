import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Inference } from '../../body/protocol.ts';
import { factsOf, isUnreadable, parsedBody } from '../../body/request-body.ts';
import type { Applicable } from '../../budgets/applicable-limits.ts';
import { limitedTo } from '../../budgets/bounds.ts';
import { type Budgets, isHeld, isPending } from '../../budgets/budgets.ts';
import type { Arrival } from '../../callers/arrival.ts';
import { BarredRoute } from '../../catalog/barred-route.ts';
import { type Refusal, refuse } from '../../errors.ts';
import type { DecisionMembers } from '../../events/request-events.ts';
import type { ChainAnswer, PendingAnswer, Policy } from '../../policy/policy.ts';
import { unservable, upstreamPath } from '../../routing/served-paths.ts';
import type { CallEnvironment } from '../environment.ts';
import type { AdmissionControl } from './admission-control.ts';
import { askChain, askJudge, leastLimit, limitedByRoute, withNotes } from './checking.ts';
import { FirstEvents } from './first-events.ts';
import type { Early, Known, Ready, Routed } from './incoming.ts';
import { LettingIn } from './letting-in.ts';
import { REJECTED, TurningAway } from './turning-away.ts';
import { WaitingCall } from './waiting-call.ts';

const NO_FINDINGS: DecisionMembers['findings'] = [];

const OUT_OF_BUDGET = { outcome: 'denied', findings: NO_FINDINGS } as const;

const NOTHING_KNOWN: Known = { model: null, facts: null, target: null };

export interface IntakeParts {
  readonly env: CallEnvironment;
  readonly admission: AdmissionControl;
  /** The policy in force. */
  readonly policy: () => Policy;
}

/** Decides on each request: refused, rejected, denied, or allowed and on its way upstream. */
export class Intake {
  readonly #parts: IntakeParts;
  readonly #events: FirstEvents;
  readonly #away: TurningAway;
  readonly #in: LettingIn;

  constructor(parts: IntakeParts) {
    const { env, admission } = parts;
    this.#parts = parts;
    this.#events = new FirstEvents(env, admission);
    this.#away = new TurningAway(env, this.#events);
    this.#in = new LettingIn(env, this.#events, this.#away);
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
      this.#away.turnAway({ incoming, admittance, known: NOTHING_KNOWN }, refuse('invalid_json'));
      return;
    }
    const facts = factsOf(endpoint, body, modelInPath);
    if (isUnreadable(facts)) {
      const known = { model: facts.model, facts: null, target: null };
      this.#away.turnAway({ incoming, admittance, known }, facts.refusal);
      return;
    }
    const { model } = facts;
    const { env } = this.#parts;
    const route = policy.routeFor(model, arrival.requestedAtMs);
    if (route instanceof BarredRoute) {
      const { refusal, findings } = route;
      const known = { model, facts, target: null };
      this.#away.turnAway({ incoming, admittance, known }, refusal, { outcome: 'denied', findings });
      return;
    }
    const target = route === null ? null : route.choose(env.clock.monotonic());
    const known = { model, facts, target };
    if (route === null || target === null) {
      this.#away.turnAway({ incoming, admittance, known }, refuse('model_not_found'));
      return;
    }
    const path = upstreamPath(target, endpoint, facts.protocol);
    const why = unservable(target, facts.protocol, path);
    if (path === null || why !== null) {
      this.#away.turnAway({ incoming, admittance, known }, why ?? refuse('model_not_for_endpoint'));
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
    this.#away.turnAway({ incoming, admittance, known: NOTHING_KNOWN }, refusal);
  }

  /** Has a request wait for the safety filter's judge, who is asked once its beginning is safe. */
  #awaitJudge(routed: Routed, model: string, pending: PendingAnswer): void {
    const { incoming, admittance, known, route, target } = routed;
    const { env } = this.#parts;
    const subject = this.#events.subject(incoming, model, target);
    const begun = admittance === 'unrecorded' ? null : this.#events.begin(incoming, known, subject);
    if (begun === 'refused') return;
    const controller = new AbortController();
    const leave = (): boolean => {
      if (controller.signal.aborted) return false;
      controller.abort();
      return true;
    };
    const waiting = new WaitingCall(env, incoming.res, leave, (why) =>
      this.#away.turnAway(routed, refuse(why), REJECTED, begun, subject),
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
    const { incoming, route, target } = routed;
    const begun = early?.begun ?? null;
    const subjectOf = early?.subject ?? null;
    if (answer === null) {
      this.#away.turnAway(routed, refuse('policy_failed'), REJECTED, begun, subjectOf);
      return;
    }
    if (answer.refusal !== null) {
      const { refusal } = answer;
      const findings = withNotes(target, answer.findings);
      this.#away.turnAway(routed, refusal, { outcome: 'denied', findings }, begun, subjectOf);
      return;
    }
    const subject = subjectOf ?? this.#events.subject(incoming, model, target);
    const checked = limitedByRoute(answer, route);
    const ready = { ...routed, checked, subject, begun };
    const { budgets } = this.#parts.env;
    const { arrival, policy } = incoming;
    const applicable = budgets?.applicable(arrival.caller, policy, model, target) ?? null;
    if (budgets === null || applicable === null) this.#in.letIn(ready, null, checked.outputLimit, begun);
    else this.#reserve(ready, budgets, applicable);
  }

  /** Lets a request in as far as its budget goes: at once, or after it has waited for a lease. */
  #reserve(ready: Ready, budgets: Budgets, applicable: Applicable): void {
    const { incoming, admittance, known, target, checked, subject } = ready;
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
      this.#in.letIn(ready, outcome, outputLimit, ready.begun);
      return;
    }
    if (!isPending(outcome)) {
      this.#away.turnAway(ready, outcome, OUT_OF_BUDGET, ready.begun, subject);
      return;
    }
    const begun =
      admittance === 'unrecorded' ? null : (ready.begun ?? this.#events.begin(incoming, known, subject));
    if (begun === 'refused') return;
    const leave = budgets.wait(request, outcome, (later) => {
      if (isHeld(later)) this.#in.letIn(ready, later, outputLimit, begun);
      else this.#away.turnAway(ready, later, OUT_OF_BUDGET, begun, subject);
      waiting.over();
    });
    const waiting = new WaitingCall(this.#parts.env, incoming.res, leave, (why) =>
      this.#away.turnAway(ready, refuse(why), REJECTED, begun, subject),
    );
    waiting.start();
  }
}
