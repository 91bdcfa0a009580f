import type { ServerResponse } from 'node:http';
import type { UsageOutcome } from '@tollgate/events';
import type { AttemptUse } from '../budgets/amounts.ts';
import { type Refusal, refuse } from '../errors.ts';
import type { EventSubject } from '../events/request-events.ts';
import { estimateTokens } from '../metering/estimate.ts';
import type { Target } from '../routing/target.ts';
import { account, accountAttempt } from './accounting.ts';
import type { Admission } from './admission.ts';
import { AnswerDelivery } from './answer-delivery.ts';
import { Attempt, type AttemptOwner, type Breakage } from './attempts/attempt.ts';
import { conclude, concludeBlocked, type Ending, partlyUsed } from './attempts/conclusion.ts';
import type { Entered } from './attempts/fallbacks.ts';
import { lastFailure, moreTelling, unavailable } from './attempts/last-failure.ts';
import { NO_QUANTITIES, UpstreamAnswer } from './attempts/upstream-answer.ts';
import { attemptEndsMs, type CallTimes, callEndsMs, passedDeadline } from './deadlines.ts';
import type { CallEnvironment } from './environment.ts';
import { roomForAnotherAttempt } from './room.ts';
import type { RunningCall } from './running-calls.ts';

/** How long an upstream may keep a connection open after the end event of its stream, in milliseconds. */
const LINGER_MS = 2000;

/**
 * How long the head of a stream waits for its first event where another target could still be asked, in milliseconds. Most
 * streams that come to nothing do so at once; clients that wait for a head would take a long one for silence.
 */
const HEAD_WAIT_MS = 5000;

const NONE_EARLIER: readonly AttemptUse[] = [];

const BROKEN = {
  unreachable: 'upstream_unreachable',
  broke: 'upstream_broke',
  'no-credential': 'credential_unavailable',
} as const;

/**
 * One allowed request on its way: waits until its events are safe, calls the upstream, has the answer passed on and
 * accounts for it exactly once. Where an attempt fails before anything went out to the caller, and its route has
 * another target, it accounts for that attempt and makes the next.
 *
 * It is settled by whichever comes first: the answer's end, an error, a deadline, the caller leaving. Settling
 * appends the final usage event; only then, and after the spool has written it, does the caller see the end.
 */
export class Call implements AttemptOwner, CallTimes, RunningCall {
  seat = 0;
  readonly arrivedMs: number;
  waitingMs: number;

  readonly #env: CallEnvironment;
  readonly #admission: Admission;
  readonly #res: ServerResponse;
  readonly #delivery: AnswerDelivery;
  /** The number of the attempt on its way, or of the one before it. */
  #number = 0;
  /** Names the target of the latest attempt. */
  #subject: EventSubject;
  /** What follows as soon as the end of the attempt before it is safe. */
  #next: Entered | null = null;
  /** What attempts used that others followed; null where none did. */
  #earlier: AttemptUse[] | null = null;
  /** What the caller is told if no attempt succeeds. */
  #failure: Refusal | null = null;
  #settled = false;
  #notedBytes = 0;

  constructor(env: CallEnvironment, admission: Admission, res: ServerResponse) {
    this.#env = env;
    this.#admission = admission;
    this.#res = res;
    this.#delivery = new AnswerDelivery(env, admission, res);
    this.#subject = admission.subject;
    this.arrivedMs = this.waitingMs = admission.arrival.arrivedMs;
  }

  get blockedMs(): number {
    return this.#delivery.blockedMs;
  }

  /** The attempt on its way, or the last one; null while none is. */
  get #attempt(): Attempt | null {
    return this.#delivery.attempt;
  }

  /** Calls the upstream as soon as request and decision are as safe as the route asks. */
  start(): void {
    this.#res.on('close', this.#closed);
    this.#env.running.add(this);
    const { opened, route, payloads } = this.#admission;
    const recorded = payloads === null ? this.#recorded : afterBoth(this.#recorded);
    payloads?.whenTaken(recorded);
    if (opened === null) recorded(null);
    else this.#env.spool.after(route.durability, opened.position, recorded);
  }

  readonly #closed = (): void => this.callerLeft();

  readonly #recorded = (error: Error | null): void => {
    if (this.#settled) return;
    if (error !== null) this.#unsafe(error);
    else if (this.#delivery.callerGone) this.#settleWaiting('aborted', null);
    else if (this.#next !== null) this.#attemptAt(this.#next);
    else this.#attemptFirst();
  };

  #unsafe(error: Error): void {
    this.#env.log.error({ err: error, code: 'audit_unavailable' }, 'call not made: its events are not safe');
    this.#settleWaiting('failed', refuse('audit_unavailable'));
  }

  #attemptFirst(): void {
    const { target, route, fallbacks, subject, path, body } = this.#admission;
    const nowMs = this.#env.clock.monotonic();
    const pass = target.health.enter(nowMs);
    if (pass !== 'no') {
      this.#dispatch(target, pass === 'trial', subject, path, body);
      return;
    }
    const next = fallbacks?.next(nowMs, (other) => this.#affordable(other, NONE_EARLIER)) ?? null;
    if (next === null) this.#settleWaiting('not-attempted', unavailable(route, nowMs));
    else this.#attemptAt(next);
  }

  /** An attempt at a target that the request was not written for. */
  #attemptAt({ target, trial, path }: Entered): void {
    this.#next = null;
    const { fallbacks, arrival } = this.#admission;
    if (fallbacks === null) throw new TypeError('a route of one target has no other');
    const { subjects, requests } = this.#env;
    const { policy, sendable } = fallbacks;
    const subject = subjects.of(arrival, policy, this.#res.req, sendable.facts.model, target);
    const body = requests.body(sendable, target, path, this.#number + 1);
    this.#dispatch(target, trial, subject, path, body);
  }

  #dispatch(target: Target, trial: boolean, subject: EventSubject, path: string, body: Buffer): void {
    const { facts, output } = this.#admission;
    const { limits, clock } = this.#env;
    this.#number += 1;
    this.#subject = subject;
    const answer = new UpstreamAnswer(facts, limits.maxAnswerBytes, output);
    const attempt = new Attempt(this, clock, this.#number, target, trial, answer);
    this.#delivery.attempt = attempt;
    target.upstream.dispatch(path, body, attempt);
  }

  answering(): void {
    if (this.#settled || this.#admission.fallbacks !== null) return;
    if (this.#attempt?.answer.stream) this.#delivery.passOn();
  }

  answered(fits: boolean): void {
    if (this.#settled) return;
    if (!fits) {
      const limit = this.#env.limits.maxAnswerBytes;
      this.#giveUp('failed', refuse('upstream_answer_too_large', { limit }));
      return;
    }
    if (this.#blocks()) return;
    const stream = this.#attempt?.answer.stream ?? null;
    if (stream === null) return;
    if (stream.ended) {
      this.#complete();
      if (this.#settled) this.#env.running.linger(this);
    } else if (stream.hasReady) this.#delivery.passOnReady(stream);
  }

  ended(): void {
    if (this.#settled) {
      this.#env.running.delete(this);
      return;
    }
    this.#attempt?.answer.stream?.end();
    if (!this.#blocks()) this.#complete();
  }

  broke(why: Breakage): void {
    if (this.#settled) {
      this.#env.running.delete(this);
      return;
    }
    if (why === 'connect-timeout') this.#missed('timed-out', refuse('upstream_timeout'));
    else this.#missed('failed', refuse(BROKEN[why]));
  }

  /** The caller's connection closed: it left, unless it has its answer. */
  callerLeft(): void {
    if (this.#settled) return;
    this.#delivery.callerGone = true;
    if (this.#attempt !== null) this.#giveUp('aborted', null);
    else if (this.#number > 0) this.#settleWaiting('aborted', null);
    // Else not yet upstream: settled once the spool has answered, as a call that was never attempted.
  }

  checkDeadlines(nowMs: number): void {
    const attempt = this.#attempt;
    if (this.#settled) {
      if (attempt === null || nowMs - attempt.lastByteMs <= LINGER_MS) return;
      attempt.abandon('it lingered after its end');
      this.#env.running.delete(this);
      return;
    }
    const { limits } = this.#env;
    const endsMs = attemptEndsMs(this, this.#admission.target, attempt, limits);
    switch (passedDeadline(this, attempt, endsMs, limits, nowMs)) {
      case 'record':
        this.#settleWaiting('failed', refuse('audit_unavailable'));
        break;
      case 'caller-stall':
        this.#res.destroy();
        this.callerLeft();
        break;
      case 'upstream':
        this.#missed('timed-out', refuse('upstream_timeout'));
        break;
      case null:
        if (attempt !== null && attempt.answer.stream !== null && !this.#res.headersSent)
          if (nowMs - attempt.firstByteMs > HEAD_WAIT_MS) this.#delivery.passOn();
        break;
    }
  }

  noteProgress(): void {
    const stream = this.#attempt?.answer.stream ?? null;
    if (this.#settled || stream === null || stream.bytes === this.#notedBytes) return;
    this.#notedBytes = stream.bytes;
    const tokens = stream.usage?.output_tokens ?? estimateTokens(stream.textBytes);
    this.#env.spool.progress(this.#admission.arrival.requestId, stream.bytes, tokens);
  }

  lastOnConnection(): void {
    if (!this.#res.headersSent) this.#res.setHeader('connection', 'close');
  }

  endNow(): void {
    if (this.#settled) this.#attempt?.abort('the gateway is shutting down');
    else if (this.#attempt === null) this.#settleWaiting('failed', refuse('shutting_down'));
    else this.#giveUp('failed', refuse('shutting_down'));
  }

  /** The upstream has answered to its end. */
  #complete(): void {
    const attempt = this.#attempt;
    if (attempt === null) return;
    const { clock, limits } = this.#env;
    const end = conclude(attempt, clock, limits.maxRestMs);
    if (end.missed) this.#failed(end, end.refusal);
    else this.#settle(end, end.refusal);
  }

  /** Ends a call whose answer holds what a policy blocks, and the upstream's work with it. False where none does. */
  #blocks(): boolean {
    const attempt = this.#attempt;
    const block = attempt === null ? null : attempt.answer.blocked;
    if (attempt === null || block === null) return false;
    const end = concludeBlocked(attempt, block);
    this.#settle(end, end.refusal);
    attempt.abandon('its output is blocked');
    return true;
  }

  /** The attempt came to nothing by the upstream's fault: another target may still answer. */
  #missed(outcome: UsageOutcome, refusal: Refusal): void {
    this.#attempt?.judge('failure');
    this.#failed(partlyUsed(this.#attempt, outcome), refusal);
  }

  /** Makes the next attempt, or tells the caller of the failure that says most. */
  #failed(ending: Ending, refusal: Refusal): void {
    const { fallbacks, route } = this.#admission;
    const attempt = this.#attempt;
    this.#failure = moreTelling(this.#failure, refusal);
    if (attempt !== null && fallbacks !== null && this.#fallsBack(attempt, ending)) return;
    const told =
      fallbacks === null ? refusal : lastFailure(this.#failure, route, this.#env.clock.monotonic());
    this.#settle(ending, told);
    attempt?.abandon('failed');
  }

  /** Accounts for a failed attempt and has the next one follow; false where none can, and nothing was done. */
  #fallsBack(attempt: Attempt, ending: Ending): boolean {
    const { fallbacks, opened, route, target: first } = this.#admission;
    const env = this.#env;
    const nowMs = env.clock.monotonic();
    if (fallbacks === null || this.#res.headersSent || this.#delivery.callerGone) return false;
    if (nowMs >= callEndsMs(this, first, env.limits)) return false;
    if (opened !== null && !roomForAnotherAttempt(env)) return false;
    const use = { target: attempt.target, quantities: ending.quantities };
    const earlier = this.#earlier === null ? [use] : [...this.#earlier, use];
    const next = fallbacks.next(nowMs, (target) => this.#affordable(target, earlier));
    if (next === null) return false;
    let position = null;
    try {
      position = accountAttempt(env, this.#admission, this, this.#subject, attempt, ending);
    } catch (error) {
      env.log.error({ err: error, request_id: this.#subject.requestId }, 'attempt not stored');
      next.target.health.judge('nothing', next.trial, nowMs);
      return false;
    }
    attempt.abandon('another target is asked');
    this.#earlier = earlier;
    this.#delivery.attempt = null;
    this.#next = next;
    this.waitingMs = nowMs;
    env.tallies.fellBack(attempt.target.id);
    if (position === null) this.#recorded(null);
    else env.spool.after(route.durability, position, this.#recorded);
    return true;
  }

  /** Whether the limits that the request is held to still hold if this target is asked as well. */
  #affordable(target: Target, earlier: readonly AttemptUse[]): boolean {
    const { held } = this.#admission;
    return held === null || this.#env.budgets === null || this.#env.budgets.affords(held, target, earlier);
  }

  /** Ends a call that is upstream, and the upstream's work with it, for no fault of the upstream's. */
  #giveUp(outcome: UsageOutcome, refusal: Refusal | null): void {
    const attempt = this.#attempt;
    attempt?.judge('nothing');
    this.#settle(partlyUsed(attempt, outcome), refusal);
    attempt?.abandon(`given up: ${outcome}`);
  }

  /** Ends a call that waits for its events to be safe: before any attempt, or between two. */
  #settleWaiting(outcome: UsageOutcome, refusal: Refusal | null): void {
    const next = this.#next;
    if (next !== null) {
      this.#next = null;
      this.#number += 1;
      next.target.health.judge('nothing', next.trial, this.#env.clock.monotonic());
    }
    const fidelity = 'counted';
    const ended = this.#number === 0 ? 'not-attempted' : outcome;
    this.#settle({ outcome: ended, quantities: NO_QUANTITIES, fidelity }, refusal);
  }

  #settle(ending: Ending, refusal: Refusal | null): void {
    const delivery = this.#delivery;
    this.#settled = true;
    this.#env.running.delete(this);
    delivery.settle(refusal);
    const recorded = account(this.#env, this.#admission, this, {
      outcome: ending.outcome,
      quantities: ending.quantities,
      fidelity: ending.fidelity,
      attempt: delivery.attempt,
      number: this.#number,
      subject: this.#subject,
      earlier: this.#earlier,
      status: delivery.status,
    });
    delivery.finish(recorded);
  }
}

/** Passes on the first of two errors, or that both are done. */
function afterBoth(done: (error: Error | null) => void): (error: Error | null) => void {
  let left = 2;
  return (error) => {
    if (left === 0) return;
    left = error === null ? left - 1 : 0;
    if (left === 0) done(error);
  };
}
