import type { ServerResponse } from 'node:http';
import type { Quantities, UsageData, UsageOutcome } from '@tollgate/events';
import type { Dispatcher } from 'undici';
import { errorEvent, writeAnswer, writeRefusal, writeStreamHead } from '../api/answers.ts';
import { type Refusal, refuse } from '../errors.ts';
import { estimateTokens } from '../metering/estimate.ts';
import type { EventStream } from '../metering/event-stream.ts';
import { upstreamRefusal } from '../upstream/error-body.ts';
import { account } from './accounting.ts';
import type { Admission } from './admission.ts';
import { CallTimes, passedDeadline } from './deadlines.ts';
import type { Deliverable } from './deliveries.ts';
import type { CallEnvironment } from './environment.ts';
import type { RunningCall } from './running-calls.ts';
import { NO_QUANTITIES, UpstreamAnswer } from './upstream-answer.ts';

/** How long an upstream may keep a connection open after the end event of its stream, in milliseconds. */
const LINGER_MS = 2000;

/** What an upstream that ends a stream with an error of its own is taken to have answered. */
const STREAM_ERROR_STATUS = 500;

/**
 * One allowed request on its way: waits until its events are safe, calls the upstream, passes the answer on and
 * accounts for it exactly once. It is the upstream's handler itself, so a request costs one object.
 *
 * It is settled by whichever comes first: the answer's end, an error, a deadline, the caller leaving. Settling
 * appends the final usage event; only then, and after the spool has written it, does the caller see the end.
 */
export class Call implements Dispatcher.DispatchHandler, Deliverable, RunningCall {
  queued = false;
  seat = 0;

  readonly #env: CallEnvironment;
  readonly #admission: Admission;
  readonly #res: ServerResponse;
  readonly #answer: UpstreamAnswer;
  #controller: Dispatcher.DispatchController | null = null;
  /** 0 until the upstream is called. */
  #attempt = 0;
  #settled = false;
  #callerGone = false;
  /** Whether the usage event could not be appended. */
  #unrecorded = false;
  /** What the caller is told in place of the answer, or at its end. */
  #refusal: Refusal | null = null;
  readonly #times: CallTimes;
  #notedBytes = 0;

  constructor(env: CallEnvironment, admission: Admission, res: ServerResponse) {
    this.#env = env;
    this.#admission = admission;
    this.#res = res;
    this.#answer = new UpstreamAnswer(admission.facts, env.limits.maxAnswerBytes);
    this.#times = new CallTimes(admission.arrival.arrivedMs);
  }

  /** Calls the upstream as soon as request and decision are as safe as the target asks. */
  start(): void {
    this.#res.on('close', this.#closed);
    this.#env.running.add(this);
    const { opened, target } = this.#admission;
    if (opened === null) this.#recorded(null);
    else this.#env.spool.after(target.durability, opened.position, this.#recorded);
  }

  readonly #closed = (): void => this.callerLeft();

  readonly #recorded = (error: Error | null): void => {
    if (this.#settled) return;
    if (error !== null) {
      this.#env.log.error(
        { err: error, code: 'audit_unavailable' },
        'call not made: its events are not safe',
      );
      this.#settleUnattempted(refuse('audit_unavailable'));
    } else if (this.#callerGone) {
      this.#settleUnattempted(null);
    } else {
      this.#attempt = 1;
      this.#times.dispatchedMs = this.#env.clock.monotonic();
      this.#admission.target.upstream.dispatch(this.#admission.path, this.#admission.body, this);
    }
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Settled while it waited for a connection: nothing may be sent any more.
    if (this.#settled) controller.abort(new Error('settled before it was sent'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#settled || status < 200) return;
    this.#times.firstByteMs = this.#times.lastByteMs = this.#env.clock.monotonic();
    this.#answer.begin(status, headers);
    if (this.#answer.stream !== null) this.#env.deliveries.add(this, false);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    this.#times.lastByteMs = this.#env.clock.monotonic();
    if (!this.#answer.take(chunk)) {
      const limit = this.#env.limits.maxAnswerBytes;
      this.#giveUp('failed', refuse('upstream_answer_too_large', { limit }));
      return;
    }
    const { stream } = this.#answer;
    if (stream === null) return;
    if (stream.ended) {
      this.#complete();
      this.#env.running.linger(this);
    } else if (stream.hasReady) this.#env.deliveries.add(this, false);
  }

  onResponseEnd(): void {
    this.#env.running.delete(this);
    if (this.#settled) return;
    this.#answer.stream?.end();
    this.#complete();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#env.running.delete(this);
    if (this.#settled) return;
    const code = 'code' in error ? error.code : undefined;
    if (code === 'UND_ERR_CONNECT_TIMEOUT') this.#settlePartial('timed-out', refuse('upstream_timeout'));
    else if (this.#controller === null) this.#settlePartial('failed', refuse('upstream_unreachable'));
    else this.#settlePartial('failed', refuse('upstream_broke'));
  }

  /** The caller's connection closed: it left, unless it has its answer. */
  callerLeft(): void {
    if (this.#settled) return;
    this.#callerGone = true;
    // Not yet upstream: settled once the spool has answered, as a call that was never attempted.
    if (this.#attempt > 0) this.#giveUp('aborted', null);
  }

  checkDeadlines(nowMs: number): void {
    const { limits } = this.#env;
    if (this.#settled) {
      if (nowMs - this.#times.lastByteMs > LINGER_MS) this.#abort('it lingered after its end');
      return;
    }
    const totalMs = this.#admission.target.totalTimeoutMs ?? limits.totalTimeoutMs;
    switch (passedDeadline(this.#times, limits, totalMs, nowMs)) {
      case 'record':
        this.#settleUnattempted(refuse('audit_unavailable'));
        break;
      case 'caller-stall':
        this.#res.destroy();
        this.callerLeft();
        break;
      case 'upstream':
        this.#giveUp('timed-out', refuse('upstream_timeout'));
        break;
      case null:
        break;
    }
  }

  noteProgress(): void {
    const { stream } = this.#answer;
    if (this.#settled || stream === null || stream.bytes === this.#notedBytes) return;
    this.#notedBytes = stream.bytes;
    const tokens = stream.usage?.output_tokens ?? estimateTokens(stream.textBytes);
    this.#env.spool.progress(this.#admission.arrival.requestId, stream.bytes, tokens);
  }

  lastOnConnection(): void {
    if (!this.#res.headersSent) this.#res.setHeader('connection', 'close');
  }

  endNow(): void {
    if (this.#settled) this.#abort('the gateway is shutting down');
    else if (this.#attempt === 0) this.#settleUnattempted(refuse('shutting_down'));
    else this.#giveUp('failed', refuse('shutting_down'));
  }

  deliver(failure: Error | null): void {
    const res = this.#res;
    if (res.destroyed) return;
    const { arrival, held } = this.#admission;
    const { requestId } = arrival;
    const headers = held === null ? null : held.headers;
    const unrecorded = this.#settled && (this.#unrecorded || failure !== null);
    const { stream } = this.#answer;
    if (stream !== null) this.#deliverStream(stream, unrecorded);
    else if (unrecorded) writeRefusal(res, requestId, refuse('audit_unavailable'), headers);
    else if (this.#refusal !== null) writeRefusal(res, requestId, this.#refusal, headers);
    else if (this.#settled) {
      const status = this.#answer.status ?? 200;
      writeAnswer(res, requestId, status, this.#answer.contentType, this.#answer.body(), headers);
    }
  }

  #deliverStream(stream: EventStream, unrecorded: boolean): void {
    const res = this.#res;
    if (!res.headersSent) {
      const { arrival, held } = this.#admission;
      const headers = held === null ? null : held.headers;
      writeStreamHead(res, arrival.requestId, this.#answer.status ?? 200, headers);
      if (!stream.hasReady && !this.#settled) res.flushHeaders();
    }
    const ready = stream.take();
    if (unrecorded) {
      // Without its end the answer is not whole, and the caller can see that.
      res.destroy();
    } else if (this.#settled) {
      const { protocol } = this.#admission.facts;
      const end = this.#refusal === null ? stream.done : errorEvent(this.#refusal, protocol);
      const parts = [ready, end].filter((part) => part !== null);
      if (parts.length === 0) res.end();
      else res.end(parts.length === 1 ? parts[0] : Buffer.concat(parts));
    } else if (ready !== null && !res.write(ready)) this.#holdUpstream();
  }

  /** The caller reads slower than the upstream writes: nothing more is read from there until it has caught up. */
  #holdUpstream(): void {
    this.#times.blockedMs = this.#env.clock.monotonic();
    this.#controller?.pause();
    this.#res.once('drain', () => {
      this.#times.blockedMs = 0;
      this.#times.lastByteMs = this.#env.clock.monotonic();
      this.#controller?.resume();
    });
  }

  /** The upstream has answered to its end. */
  #complete(): void {
    const answer = this.#answer;
    const status = answer.status ?? 200;
    const stated = answer.stated();
    if (status >= 300) {
      const refusal = upstreamRefusal(status, answer.retryAfter, answer.body(), this.#env.clock.now());
      this.#settle('failed', stated ?? NO_QUANTITIES, stated === null ? 'counted' : 'provider', refusal);
    } else if (answer.stream !== null && answer.stream.error !== null) {
      const { error } = answer.stream;
      this.#settlePartial(
        'failed',
        upstreamRefusal(STREAM_ERROR_STATUS, undefined, error, this.#env.clock.now()),
      );
    } else if (answer.stream?.failed) {
      // Its last event says so in the caller's own protocol, and goes on as it came.
      if (stated === null) this.#settlePartial('failed', null);
      else this.#settle('failed', stated, 'provider', null);
    } else if (stated !== null) {
      this.#settle('completed', stated, 'provider', null);
    } else if (answer.stream !== null || isJson(answer.body())) {
      this.#settle('completed', answer.estimated(), 'estimated', null);
    } else this.#settlePartial('failed', refuse('upstream_unexpected'));
  }

  /** Ends a call that is upstream, and the upstream's work with it. */
  #giveUp(outcome: UsageOutcome, refusal: Refusal | null): void {
    this.#settlePartial(outcome, refusal);
    this.#abort(`given up: ${outcome}`);
  }

  /** Ends the upstream's work; what it still says is ignored, for the call is settled. */
  #abort(why: string): void {
    this.#controller?.abort(new Error(why));
  }

  #settleUnattempted(refusal: Refusal | null): void {
    this.#settle('not-attempted', NO_QUANTITIES, 'counted', refusal);
  }

  /** Ends early: what had been used until now counts, unless nothing was ever sent. */
  #settlePartial(outcome: UsageOutcome, refusal: Refusal | null): void {
    if (this.#controller === null) this.#settle(outcome, NO_QUANTITIES, 'counted', refusal);
    else this.#settle(outcome, this.#answer.stream?.usage ?? this.#answer.estimated(), 'partial', refusal);
  }

  #settle(
    outcome: UsageOutcome,
    quantities: Quantities,
    fidelity: UsageData['fidelity'],
    refusal: Refusal | null,
  ): void {
    this.#settled = true;
    this.#refusal = refusal;
    this.#env.running.delete(this);
    const ending = { outcome, quantities, fidelity, attempt: this.#attempt, status: this.#statusGiven() };
    this.#unrecorded = !account(this.#env, this.#admission, this.#answer, this.#times, ending);
    this.#env.deliveries.add(this, true);
  }

  /** The status that the caller has been given or is about to be; null where it left before. */
  #statusGiven(): number | null {
    if (this.#res.headersSent) return this.#res.statusCode;
    if (this.#callerGone) return null;
    if (this.#answer.stream === null && this.#refusal !== null) return this.#refusal.status;
    return this.#answer.status;
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
