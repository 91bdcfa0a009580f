import { SimulatedDatabricksError } from '../errors.ts';
import type { BehaviourChange } from './behaviour.ts';
import { parseFaults } from './faults.ts';
import type { ServingRequest } from './request.ts';

/** Requests that a rule is for; every member given must hold. */
export interface FaultMatch {
  readonly model?: string | undefined;
  readonly task?: ServingRequest['task'] | undefined;
  readonly stream?: boolean | undefined;
  readonly clientRequestId?: string | undefined;
  /** The prefix of `client_request_id`: all attempts of one request, where attempts are numbered behind it. */
  readonly clientRequestIdPrefix?: string | undefined;
}

/** A fault for requests to come. */
export interface FaultRule {
  /** As in `x-simulated-fault`: `kind;parameter=value, kind, …`. */
  readonly fault: string;
  readonly match?: FaultMatch | undefined;
  /** How often it strikes before it is used up; absent: always. */
  readonly times?: number | undefined;
  /** It strikes the n-th matching request, the 2n-th and so on; absent: each. */
  readonly every?: number | undefined;
}

interface ScriptedFault {
  readonly rule: FaultRule;
  readonly change: BehaviourChange;
  seen: number;
  left: number;
}

const MAX_RULES = 1_000;

/** The faults that are due, in order: the first rule that matches and strikes decides. */
export class FaultScript {
  #rules: ScriptedFault[] = [];

  get empty(): boolean {
    return this.#rules.length === 0;
  }

  /** Throws `unknown-fault`, `bad-fault-parameter`, or `bad-option` for counts that make no sense. */
  add(rule: FaultRule): void {
    const { times = Number.POSITIVE_INFINITY, every = 1 } = rule;
    const countable = times === Number.POSITIVE_INFINITY || (Number.isSafeInteger(times) && times > 0);
    if (!countable || !Number.isSafeInteger(every) || every < 1) {
      throw new SimulatedDatabricksError('bad-option', 'times and every are whole numbers of one or more.');
    }
    if (this.#rules.length >= MAX_RULES) {
      throw new SimulatedDatabricksError(
        'bad-option',
        `At most ${MAX_RULES} fault rules are kept; clear them first.`,
      );
    }
    this.#rules.push({ rule, change: parseFaults(rule.fault), seen: 0, left: times });
  }

  clear(): void {
    this.#rules = [];
  }

  /** The rules not used up yet. */
  list(): readonly FaultRule[] {
    return this.#rules.map(({ rule, left }) =>
      left === Number.POSITIVE_INFINITY ? rule : { ...rule, times: left },
    );
  }

  /** The fault for this request, which is thereby counted as struck. */
  take(request: ServingRequest): BehaviourChange | null {
    for (const scripted of this.#rules) {
      if (!matches(scripted.rule.match, request)) continue;
      scripted.seen += 1;
      if (scripted.seen % (scripted.rule.every ?? 1) !== 0) continue;
      scripted.left -= 1;
      if (scripted.left === 0) this.#rules = this.#rules.filter((other) => other !== scripted);
      return scripted.change;
    }
    return null;
  }
}

function matches(match: FaultMatch | undefined, request: ServingRequest): boolean {
  if (match === undefined) return true;
  return (
    (match.model === undefined || match.model === request.endpoint) &&
    (match.task === undefined || match.task === request.task) &&
    (match.stream === undefined || match.stream === request.stream) &&
    (match.clientRequestId === undefined || match.clientRequestId === request.clientRequestId) &&
    (match.clientRequestIdPrefix === undefined ||
      (request.clientRequestId?.startsWith(match.clientRequestIdPrefix) ?? false))
  );
}
