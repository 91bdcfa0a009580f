import type { ServerResponse } from 'node:http';
import type { UsageOutcome } from '@tollgate/events';
import { errorEvent, writeAnswer, writeRefusal, writeStreamHead } from '../api/answers.ts';
import type { AttemptUse } from '../budgets/amounts.ts';
import { type Refusal, refuse } from '../errors.ts';
import type { EventSubject } from '../events/request-events.ts';
import type { AnswerStream } from '../metering/answer-stream.ts';
import { estimateTokens } from '../metering/estimate.ts';
import type { CallPayloads } from '../payloads/call-payloads.ts';
import type { Target } from '../policy/policy.ts';
import { askedToWaitMs, upstreamRefusal } from '../upstream/error-body.ts';
import { account, accountAttempt, type Ending } from './accounting.ts';
import type { Admission } from './admission.ts';
import { roomForAnotherAttempt } from './admission-control.ts';
import { Attempt, type AttemptOwner, type Breakage } from './attempt.ts';
import { type CallTimes, passedDeadline } from './deadlines.ts';
import type { Deliverable } from './deliveries.ts';
import type { CallEnvironment } from './environment.ts';
import type { Entered } from './fallbacks.ts';
import { lastFailure, moreTelling, unavailable } from './last-failure.ts';
import type { RunningCall } from './running-calls.ts';
import { NO_QUANTITIES, UpstreamAnswer } from './upstream-answer.ts';

/** How long an upstream may keep a connection open after the end event of its stream, in milliseconds. */
const LINGER_MS = 2000;

const NONE_EARLIER: readonly AttemptUse[] = [];

/** What of a stream may wait for its caller before the upstream is held up. A fast one sends megabytes in a turn. */
const MAX_UNDELIVERED_BYTES = 64 * 1024;

/** What an upstream that ends a stream with an error of its own is taken to have answered. */
const STREAM_ERROR_STATUS = 500;

const BROKEN = {
  unreachable: 'upstream_unreachable',
  broke: 'upstream_broke',
  'no-credential': 'credential_unavailable',
} as const;

/**
 * One allowed request on its way: waits until its events are safe, calls the upstream, passes the answer on and
 * accounts for it exactly once. Where an attempt fails before anything went out to the caller, and its route has
 * another target, it accounts for that attempt and makes the next.
 *
 * It is settled by whichever comes first: the answer's end, an error, a deadline, the caller leaving. Settling
 * appends the final usage event; only then, and after the spool has written it, does the caller see the end.
 */
export class Call implements AttemptOwner, CallTimes, Deliverable, RunningCall {
  queued = false;
  seat = 0;
  readonly arrivedMs: number;
  waitingMs: number;
  blockedMs = 0;

  readonly #env: CallEnvironment;
  readonly #admission: Admission;
  readonly #res: ServerResponse;
  /** The attempt on its way, or the last one; null while none is. */
  #attempt: Attempt | null = null;
  /** The number of that attempt, or of the one before it. */
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
  #callerGone = false;
  /** Whether the usage event could not be appended. */
  #unrecorded = false;
  /** Settled, and its answer waits until what the vault has to keep of it is on the disk. */
  #waitsForVault = false;
  /** The last of a stream, taken out when it was settled. */
  #lastPiece: Buffer | null = null;
  /** What the caller is told in place of the answer, or at its end. */
  #refusal: Refusal | null = null;
  #notedBytes = 0;
  /** Bytes of the stream that came before its latest delivery. */
  #deliveredBytes = 0;
  /** Whether the upstream is held up until the next delivery. */
  #crowded = false;

  constructor(env: CallEnvironment, admission: Admission, res: ServerResponse) {
    this.#env = env;
    this.#admission = admission;
    this.#res = res;
    this.#subject = admission.subject;
    this.arrivedMs = this.waitingMs = admission.arrival.arrivedMs;
  }

  /** Calls the upstream as soon as request and decision are as safe as the route asks. */
  start(): void {
    this.#res.on('close', this.#closed);
    this.#env.running.add(this);
    const { opened, route, payloads } = this.#admission;
    const recorded = payloads === null ? this.#recorded : this.#whenRequestTaken;
    if (opened === null) recorded(null);
    else this.#env.spool.after(route.durability, opened.position, recorded);
  }

  readonly #closed = (): void => this.callerLeft();

  readonly #whenRequestTaken = (error: Error | null): void => {
    if (error === null) this.#admission.payloads?.whenTaken(this.#recorded);
    else this.#recorded(error);
  };

  readonly #recorded = (error: Error | null): void => {
    if (this.#settled) return;
    if (error !== null) this.#unsafe(error);
    else if (this.#callerGone) this.#settleWaiting('aborted', null);
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
    this.#attempt = attempt;
    target.upstream.dispatch(path, body, attempt);
  }

  answering(): void {
    if (!this.#settled && this.#stream !== null) this.#env.deliveries.add(this, false);
  }

  answered(fits: boolean): void {
    if (this.#settled) return;
    if (!fits) {
      const limit = this.#env.limits.maxAnswerBytes;
      this.#giveUp('failed', refuse('upstream_answer_too_large', { limit }));
      return;
    }
    if (this.#blocks()) return;
    const stream = this.#stream;
    if (stream === null) return;
    if (stream.ended) {
      this.#complete();
      if (this.#settled) this.#env.running.linger(this);
    } else if (stream.hasReady) {
      this.#env.deliveries.add(this, false);
      if (!this.#crowded && stream.bytes - this.#deliveredBytes > MAX_UNDELIVERED_BYTES) {
        this.#crowded = true;
        this.#attempt?.pause();
      }
    }
  }

  ended(): void {
    if (this.#settled) {
      this.#env.running.delete(this);
      return;
    }
    this.#stream?.end();
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
    this.#callerGone = true;
    if (this.#attempt !== null) this.#giveUp('aborted', null);
    else if (this.#number > 0) this.#settleWaiting('aborted', null);
    // Else not yet upstream: settled once the spool has answered, as a call that was never attempted.
  }

  checkDeadlines(nowMs: number): void {
    if (this.#settled) {
      const attempt = this.#attempt;
      if (attempt === null || nowMs - attempt.lastByteMs <= LINGER_MS) return;
      attempt.abandon('it lingered after its end');
      this.#env.running.delete(this);
      return;
    }
    switch (passedDeadline(this, this.#attempt, this.#attemptEndsMs(), this.#env.limits, nowMs)) {
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
        break;
    }
  }

  noteProgress(): void {
    const stream = this.#stream;
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

  deliver(failure: Error | null): void {
    const res = this.#res;
    if (res.destroyed || this.#waitsForVault) return;
    const { requestId } = this.#admission.arrival;
    const headers = this.#headers();
    const unrecorded = this.#settled && (this.#unrecorded || failure !== null);
    const answer = this.#attempt?.answer ?? null;
    if (answer !== null && answer.stream !== null) this.#deliverStream(answer, answer.stream, unrecorded);
    else if (unrecorded) writeRefusal(res, requestId, refuse('audit_unavailable'), headers);
    else if (this.#refusal !== null) writeRefusal(res, requestId, this.#refusal, headers);
    else if (this.#settled && answer !== null) {
      const status = answer.status ?? 200;
      writeAnswer(res, requestId, status, answer.contentType, answer.outgoing(), headers);
    }
  }

  #deliverStream(answer: UpstreamAnswer, stream: AnswerStream, unrecorded: boolean): void {
    const res = this.#res;
    if (!res.headersSent) {
      writeStreamHead(res, this.#admission.arrival.requestId, answer.status ?? 200, this.#headers());
      if (!stream.hasReady && !this.#settled) res.flushHeaders();
    }
    const ready = this.#takeReady(stream);
    if (unrecorded) {
      // Without its end the answer is not whole, and the caller can see that.
      res.destroy();
    } else if (this.#settled) {
      const end = this.#endOf(stream);
      const parts = [ready, end].filter((part) => part !== null);
      if (parts.length === 0) res.end();
      else res.end(parts.length === 1 ? parts[0] : Buffer.concat(parts));
    } else {
      this.#deliveredBytes = stream.bytes;
      if (ready !== null && !res.write(ready)) this.#holdUpstream();
      else if (this.#crowded) this.#attempt?.resume();
      this.#crowded = false;
    }
  }

  /** What has come of a stream, noted for the vault on its way. */
  #takeReady(stream: AnswerStream): Buffer | null {
    const { payloads } = this.#admission;
    if (payloads === null) return stream.take();
    if (this.#settled) return this.#lastPiece;
    const ready = stream.take();
    if (ready !== null) payloads.addAnswer(ready);
    return ready;
  }

  /** What ends a stream for the caller. An upstream that ends it in failure may quote what it was sent. */
  #endOf(stream: AnswerStream): Buffer | null {
    if (this.#refusal !== null) return errorEvent(this.#refusal, this.#admission.facts.protocol);
    const { done, failed } = stream;
    if (done === null || !failed || this.#attempt === null) return done;
    return Buffer.from(this.#attempt.target.upstream.conceal(done.toString('latin1')), 'latin1');
  }

  /** The caller reads slower than the upstream writes: nothing more is read from there until it has caught up. */
  #holdUpstream(): void {
    this.blockedMs = this.#env.clock.monotonic();
    this.#attempt?.pause();
    this.#res.once('drain', () => {
      this.blockedMs = 0;
      this.#attempt?.resume();
    });
  }

  /** What the answer says of limits, and of the end of the model that it is from. */
  #headers(): Readonly<Record<string, string>> | null {
    const { held, target } = this.#admission;
    const limits = held === null ? null : held.headers;
    const { headers } = (this.#attempt?.target ?? target).catalogued;
    return headers === null ? limits : { ...limits, ...headers };
  }

  get #stream(): AnswerStream | null {
    return this.#attempt === null ? null : this.#attempt.answer.stream;
  }

  /** When the attempt on its way has to be over: the first has its target's time from the call's arrival on. */
  #attemptEndsMs(): number {
    const { totalTimeoutMs } = this.#env.limits;
    const attempt = this.#attempt;
    const mayTakeMs = attempt?.target.totalTimeoutMs ?? totalTimeoutMs;
    if (attempt === null || this.#number === 1) return this.arrivedMs + mayTakeMs;
    return Math.min(attempt.startedMs + mayTakeMs, this.#endsMs());
  }

  /** When the call has to be over with all its attempts. */
  #endsMs(): number {
    const first = this.#admission.target.totalTimeoutMs ?? 0;
    return this.arrivedMs + Math.max(this.#env.limits.totalTimeoutMs, first);
  }

  /** The upstream has answered to its end. */
  #complete(): void {
    const attempt = this.#attempt;
    if (attempt === null) return;
    const { answer } = attempt;
    const status = answer.status ?? 200;
    const stated = answer.stated();
    if (status >= 300) {
      attempt.judge(status >= 500 ? 'failure' : 'success');
      const nowMs = this.#env.clock.now();
      const body = answer.body();
      const waitMs = askedToWaitMs(status, answer.retryAfter, body, nowMs);
      if (waitMs !== null) attempt.rest(Math.min(waitMs, this.#env.limits.maxRestMs), status);
      const refusal = upstreamRefusal(status, answer.retryAfter, body, nowMs, attempt.target.upstream);
      const fidelity = stated === null ? 'counted' : 'provider';
      const ending = { outcome: 'failed', quantities: stated ?? NO_QUANTITIES, fidelity } as const;
      if (status === 429 || status >= 500) this.#failed(ending, refusal);
      else this.#settle(ending, refusal);
    } else if (answer.stream !== null && answer.stream.error !== null) {
      const { error } = answer.stream;
      const nowMs = this.#env.clock.now();
      this.#missed(
        'failed',
        upstreamRefusal(STREAM_ERROR_STATUS, undefined, error, nowMs, attempt.target.upstream),
      );
    } else if (answer.stream?.failed) {
      // Its last event says so in the caller's own protocol, and goes on as it came.
      attempt.judge('failure');
      if (stated === null) this.#settle(this.#partly('failed'), null);
      else this.#settle({ outcome: 'failed', quantities: stated, fidelity: 'provider' }, null);
    } else {
      attempt.judge('success');
      if (answer.stream === null && !answer.passesGuard()) {
        this.#settle(this.#partly('failed'), refuse('upstream_unexpected'));
      } else if (this.#blocks()) {
        // Settled by that.
      } else if (stated !== null) {
        this.#settle({ outcome: 'completed', quantities: stated, fidelity: 'provider' }, null);
      } else if (answer.stream !== null || isJson(answer.body())) {
        const quantities = answer.estimated();
        this.#settle({ outcome: 'completed', quantities, fidelity: 'estimated' }, null);
      } else this.#settle(this.#partly('failed'), refuse('upstream_unexpected'));
    }
  }

  /** Ends a call whose answer holds what a policy blocks, and the upstream's work with it. False where none does. */
  #blocks(): boolean {
    const attempt = this.#attempt;
    const block = attempt === null ? null : attempt.answer.blocked;
    if (attempt === null || block === null) return false;
    attempt.judge('success');
    const { answer } = attempt;
    const stated = answer.stream === null || answer.stream.ended ? answer.stated() : null;
    const refusal = refuse('output_blocked', { name: block.policy });
    if (stated === null) this.#settle(this.#partly('failed'), refusal);
    else this.#settle({ outcome: 'failed', quantities: stated, fidelity: 'provider' }, refusal);
    attempt.abandon('its output is blocked');
    return true;
  }

  /** The attempt came to nothing by the upstream's fault: another target may still answer. */
  #missed(outcome: UsageOutcome, refusal: Refusal): void {
    this.#attempt?.judge('failure');
    this.#failed(this.#partly(outcome), refusal);
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
    const { fallbacks, opened, route } = this.#admission;
    const env = this.#env;
    const nowMs = env.clock.monotonic();
    if (fallbacks === null || this.#res.headersSent || this.#callerGone || nowMs >= this.#endsMs())
      return false;
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
    this.#attempt = null;
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
    this.#settle(this.#partly(outcome), refusal);
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

  /** What had been used until now counts, unless nothing was ever sent. */
  #partly(outcome: UsageOutcome): Ending {
    const attempt = this.#attempt;
    if (attempt === null || !attempt.sent) return { outcome, quantities: NO_QUANTITIES, fidelity: 'counted' };
    const { answer } = attempt;
    return { outcome, quantities: answer.stream?.usage ?? answer.estimated(), fidelity: 'partial' };
  }

  #settle(ending: Ending, refusal: Refusal | null): void {
    this.#settled = true;
    this.#refusal = refusal;
    this.#env.running.delete(this);
    this.#keepAnswer();
    this.#unrecorded = !account(this.#env, this.#admission, this, {
      outcome: ending.outcome,
      quantities: ending.quantities,
      fidelity: ending.fidelity,
      attempt: this.#attempt,
      number: this.#number,
      subject: this.#subject,
      earlier: this.#earlier,
      status: this.#statusGiven(),
    });
    const { payloads } = this.#admission;
    if (payloads === null) this.#env.deliveries.add(this, true);
    else this.#deliverWhenTaken(payloads);
  }

  /** What the caller has got of the answer, and is about to get, goes to the vault; its digest is in the usage event. */
  #keepAnswer(): void {
    const { payloads } = this.#admission;
    const answer = this.#attempt?.answer ?? null;
    if (payloads === null || answer === null || answer.status === null) return;
    const { stream } = answer;
    if (stream !== null) {
      this.#lastPiece = stream.take();
      const end = this.#endOf(stream);
      for (const piece of [this.#lastPiece, end]) if (piece !== null) payloads.addAnswer(piece);
    } else if (this.#refusal === null && !this.#callerGone) payloads.addAnswer(answer.outgoing());
    payloads.endAnswer(answer.contentType);
  }

  #deliverWhenTaken(payloads: CallPayloads): void {
    this.#waitsForVault = true;
    payloads.whenTaken((error) => {
      this.#waitsForVault = false;
      if (error !== null) {
        this.#unrecorded = true;
        this.#env.log.error(
          { err: error, code: 'payloads_unavailable' },
          'answer not given: it can not be kept',
        );
      }
      this.#env.deliveries.add(this, true);
    });
  }

  /** The status that the caller has been given or is about to be; null where it left before. */
  #statusGiven(): number | null {
    if (this.#res.headersSent) return this.#res.statusCode;
    if (this.#callerGone) return null;
    const answer = this.#attempt?.answer ?? null;
    if ((answer === null || answer.stream === null) && this.#refusal !== null) return this.#refusal.status;
    return answer === null ? null : answer.status;
  }
}

function isJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}
