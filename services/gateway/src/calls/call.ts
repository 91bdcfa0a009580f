import type { ServerResponse } from 'node:http';
import type { Quantities, UsageData, UsageOutcome } from '@tollgate/events';
import type { Dispatcher } from 'undici';
import { errorEvent, writeAnswer, writeRefusal, writeStreamHead } from '../api/answers.ts';
import type { Endpoint, RequestFacts } from '../body/request-body.ts';
import { type Refusal, refuse } from '../errors.ts';
import type { Opened } from '../events/recorder.ts';
import type { EventSubject } from '../events/request-events.ts';
import { answerUsage } from '../metering/answer-usage.ts';
import { estimateTokens } from '../metering/estimate.ts';
import { EventStream } from '../metering/event-stream.ts';
import { answerTextBytes } from '../metering/text-bytes.ts';
import type { Target } from '../policy/policy.ts';
import type { Durability } from '../spool/spool.ts';
import { upstreamRefusal } from '../upstream/error-body.ts';
import type { Arrival } from './arrival.ts';
import type { Deliverable } from './deliveries.ts';
import type { CallEnvironment } from './environment.ts';
import type { RunningCall } from './running-calls.ts';

/** An allowed request, ready to go upstream. */
export interface Admission {
  readonly arrival: Arrival;
  readonly endpoint: Endpoint;
  /** Below the target's base URL. */
  readonly path: string;
  readonly facts: RequestFacts;
  readonly target: Target;
  readonly durability: Durability;
  readonly subject: EventSubject;
  readonly opened: Opened;
  readonly body: Buffer;
}

type Fidelity = UsageData['fidelity'];

const NOTHING: Quantities = {
  input_tokens: 0,
  output_tokens: 0,
  cached_input_tokens: 0,
  cache_creation_tokens: 0,
  reasoning_tokens: 0,
};

const NO_BYTES = Buffer.alloc(0);

/** Finds a call from its response without a closure per request. */
const callOf = new WeakMap<ServerResponse, Call>();

/**
 * One allowed request on its way: waits until its events are safe, calls the upstream, passes the answer on and
 * accounts for it exactly once. It is the upstream's handler itself, so a request costs one object.
 *
 * It is settled by whichever comes first: the answer's end, an error, a deadline, the caller leaving. Settling
 * appends the final usage event; only then, and after the spool has written it, does the caller see the end.
 */
export class Call implements Dispatcher.DispatchHandler, Deliverable, RunningCall {
  queued = false;

  readonly #env: CallEnvironment;
  readonly #admission: Admission;
  readonly #res: ServerResponse;
  #controller: Dispatcher.DispatchController | null = null;
  #settled = false;
  #callerGone = false;
  #attempt = 0;
  #upstreamStatus: number | null = null;
  #contentType = 'application/json';
  #retryAfter: string | undefined = undefined;
  #answerBytes = 0;
  #first: Buffer | null = null;
  #rest: Buffer[] | null = null;
  #stream: EventStream | null = null;
  #refusal: Refusal | null = null;
  #unrecorded = false;
  #dispatchedMs = 0;
  #firstByteMs = 0;
  #lastByteMs = 0;
  #blockedMs = 0;
  #notedBytes = 0;

  constructor(env: CallEnvironment, admission: Admission, res: ServerResponse) {
    this.#env = env;
    this.#admission = admission;
    this.#res = res;
  }

  /** Calls the upstream as soon as request and decision are as safe as the route asks. */
  start(): void {
    callOf.set(this.#res, this);
    this.#res.on('close', onClose);
    this.#env.running.add(this);
    this.#env.spool.after(this.#admission.durability, this.#admission.opened.position, this.#recorded);
  }

  readonly #recorded = (error: Error | null): void => {
    if (this.#settled) return;
    if (error !== null) {
      this.#env.log.error(
        { err: error, code: 'audit_unavailable' },
        'request not made: its events are not safe',
      );
      this.#settle('not-attempted', NOTHING, 'counted', refuse('audit_unavailable'));
    } else if (this.#callerGone) {
      this.#settle('not-attempted', NOTHING, 'counted', null);
    } else {
      this.#attempt = 1;
      this.#dispatchedMs = this.#env.clock.monotonic();
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
    this.#firstByteMs = this.#lastByteMs = this.#env.clock.monotonic();
    this.#upstreamStatus = status;
    const contentType = headers['content-type'];
    if (typeof contentType === 'string') this.#contentType = contentType;
    if (status >= 300) {
      const retryAfter = headers['retry-after'];
      this.#retryAfter = typeof retryAfter === 'string' ? retryAfter : undefined;
    } else if (this.#contentType.startsWith('text/event-stream')) {
      this.#stream = new EventStream(this.#admission.facts.wantsUsage, this.#env.limits.maxAnswerBytes);
      this.#env.deliveries.add(this, false);
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    this.#lastByteMs = this.#env.clock.monotonic();
    this.#answerBytes += chunk.length;
    if (this.#stream === null) {
      if (this.#answerBytes > this.#env.limits.maxAnswerBytes) this.#tooLarge();
      else if (this.#first === null) this.#first = chunk;
      else if (this.#rest === null) this.#rest = [this.#first, chunk];
      else this.#rest.push(chunk);
    } else if (!this.#stream.push(chunk)) this.#tooLarge();
    else if (this.#stream.done !== null) this.#complete();
    else if (this.#stream.hasReady) this.#env.deliveries.add(this, false);
  }

  onResponseEnd(): void {
    if (this.#settled) return;
    this.#stream?.end();
    this.#complete();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settled) return;
    const code = 'code' in error ? error.code : undefined;
    if (code === 'UND_ERR_CONNECT_TIMEOUT') {
      this.#settle('timed-out', NOTHING, 'counted', refuse('upstream_timeout'));
    } else if (this.#controller === null) {
      this.#settle('failed', NOTHING, 'counted', refuse('upstream_unreachable'));
    } else {
      this.#settlePartial('failed', refuse('upstream_broke'));
    }
  }

  /** The caller's connection closed. */
  callerLeft(): void {
    if (this.#settled) return;
    this.#callerGone = true;
    // Not yet upstream: settled once the spool has answered, as a call that was never attempted.
    if (this.#attempt === 0) return;
    this.#settlePartial('aborted', null);
    this.#controller?.abort(new Error('the caller left'));
  }

  checkDeadlines(nowMs: number): void {
    if (this.#settled) return;
    const { limits } = this.#env;
    const total = this.#admission.target.totalTimeoutMs ?? limits.totalTimeoutMs;
    if (this.#attempt === 0) {
      if (nowMs - this.#admission.arrival.arrivedMs > limits.recordTimeoutMs) {
        this.#settle('not-attempted', NOTHING, 'counted', refuse('audit_unavailable'));
      }
    } else if (this.#blockedMs > 0 && nowMs - this.#blockedMs > limits.callerStallTimeoutMs) {
      this.callerLeft();
      this.#res.destroy();
    } else if (
      nowMs - this.#admission.arrival.arrivedMs > total ||
      (this.#firstByteMs === 0 && nowMs - this.#dispatchedMs > limits.firstByteTimeoutMs) ||
      (this.#firstByteMs > 0 &&
        this.#blockedMs === 0 &&
        nowMs - this.#lastByteMs > limits.betweenChunksTimeoutMs)
    ) {
      this.#settlePartial('timed-out', refuse('upstream_timeout'));
      this.#controller?.abort(new Error('a deadline passed'));
    }
  }

  noteProgress(): void {
    const stream = this.#stream;
    if (this.#settled || stream === null || stream.bytes === this.#notedBytes) return;
    this.#notedBytes = stream.bytes;
    const tokens = stream.usage?.output_tokens ?? estimateTokens(stream.textBytes);
    this.#env.spool.progress(this.#admission.arrival.requestId, stream.bytes, tokens);
  }

  giveUp(): void {
    if (this.#settled) return;
    if (this.#attempt === 0) this.#settle('not-attempted', NOTHING, 'counted', refuse('shutting_down'));
    else {
      this.#settlePartial('failed', refuse('shutting_down'));
      this.#controller?.abort(new Error('the gateway is shutting down'));
    }
  }

  deliver(failure: Error | null): void {
    const res = this.#res;
    if (res.destroyed) return;
    const unrecorded = this.#unrecorded || (failure !== null && this.#settled);
    if (this.#stream !== null) this.#deliverStream(this.#stream, unrecorded);
    else if (unrecorded) writeRefusal(res, this.#admission.arrival.requestId, refuse('audit_unavailable'));
    else if (this.#refusal !== null) writeRefusal(res, this.#admission.arrival.requestId, this.#refusal);
    else if (this.#settled) {
      const status = this.#upstreamStatus ?? 200;
      writeAnswer(res, this.#admission.arrival.requestId, status, this.#contentType, this.#answer());
    }
  }

  #deliverStream(stream: EventStream, unrecorded: boolean): void {
    const res = this.#res;
    if (!res.headersSent) {
      writeStreamHead(res, this.#admission.arrival.requestId, this.#upstreamStatus ?? 200);
      if (!stream.hasReady && !this.#settled) res.flushHeaders();
    }
    const ready = stream.take();
    if (unrecorded) {
      // Without its end the answer is not whole, and the caller can see that.
      res.destroy();
    } else if (this.#settled) {
      const end = this.#refusal === null ? stream.done : errorEvent(this.#refusal);
      if (ready === null || end === null) res.end(ready ?? end ?? NO_BYTES);
      else res.end(Buffer.concat([ready, end]));
    } else if (ready !== null && !res.write(ready)) this.#holdUpstream();
  }

  /** The caller reads slower than the upstream writes: nothing more is read from there until it has caught up. */
  #holdUpstream(): void {
    this.#blockedMs = this.#env.clock.monotonic();
    this.#controller?.pause();
    this.#res.once('drain', () => {
      this.#blockedMs = 0;
      this.#lastByteMs = this.#env.clock.monotonic();
      this.#controller?.resume();
    });
  }

  #complete(): void {
    const status = this.#upstreamStatus ?? 200;
    if (status >= 300) {
      const answer = this.#answer();
      const refusal = upstreamRefusal(status, this.#retryAfter, answer, this.#env.clock.now());
      const usage = answerUsage(answer);
      this.#settle('failed', usage ?? NOTHING, usage === null ? 'counted' : 'provider', refusal);
      return;
    }
    const usage = this.#stream === null ? answerUsage(this.#answer()) : this.#stream.usage;
    if (usage !== null) this.#settle('completed', usage, 'provider', null);
    else this.#settle('completed', this.#estimated(), 'estimated', null);
  }

  #tooLarge(): void {
    this.#settlePartial(
      'failed',
      refuse('upstream_answer_too_large', { limit: this.#env.limits.maxAnswerBytes }),
    );
    this.#controller?.abort(new Error('the answer is too large'));
  }

  /** Ends early: what had been used until now counts, unless nothing was ever sent. */
  #settlePartial(outcome: UsageOutcome, refusal: Refusal | null): void {
    if (this.#controller === null) this.#settle(outcome, NOTHING, 'counted', refusal);
    else this.#settle(outcome, this.#stream?.usage ?? this.#estimated(), 'partial', refusal);
  }

  #estimated(): Quantities {
    const { facts, endpoint } = this.#admission;
    const produced =
      endpoint === 'embeddings' ? 0 : this.#stream === null ? this.#settledText() : this.#stream.textBytes;
    return {
      ...NOTHING,
      input_tokens: estimateTokens(facts.inputTextBytes),
      output_tokens: estimateTokens(produced),
    };
  }

  #settledText(): number {
    return this.#first === null ? 0 : answerTextBytes(this.#answer());
  }

  #answer(): Buffer {
    if (this.#rest !== null) {
      this.#first = Buffer.concat(this.#rest);
      this.#rest = null;
    }
    return this.#first ?? NO_BYTES;
  }

  #settle(outcome: UsageOutcome, quantities: Quantities, fidelity: Fidelity, refusal: Refusal | null): void {
    this.#settled = true;
    this.#refusal = refusal;
    const { arrival, facts, subject, opened, endpoint } = this.#admission;
    const { tallies } = this.#env;
    const durationUs = this.#microseconds(this.#env.clock.monotonic());
    const headSent = this.#res.headersSent || (this.#stream !== null && !this.#callerGone);
    this.#env.running.delete(this);
    try {
      this.#env.recorder.use(subject, {
        attempt: this.#attempt,
        final: true,
        outcome,
        fidelity,
        quantities,
        upstream_status: this.#upstreamStatus,
        status: headSent
          ? (this.#upstreamStatus ?? 200)
          : this.#callerGone
            ? null
            : (refusal?.status ?? this.#upstreamStatus),
        stream: facts.stream,
        output_bytes: this.#answerBytes,
        duration_us: durationUs,
        first_byte_us: this.#firstByteMs === 0 ? null : this.#microseconds(this.#firstByteMs),
      });
      opened.hold.release();
    } catch (error) {
      // The hold stays: the next start of the gateway closes this request as lost.
      this.#unrecorded = true;
      tallies.unrecorded();
      this.#env.log.error({ err: error, request_id: arrival.requestId }, 'usage not stored');
    }
    tallies.ended(endpoint, outcome);
    tallies.used(quantities, durationUs);
    this.#env.deliveries.add(this, true);
  }

  #microseconds(atMs: number): number {
    return Math.max(0, Math.round((atMs - this.#admission.arrival.arrivedMs) * 1000));
  }
}

function onClose(this: ServerResponse): void {
  callOf.get(this)?.callerLeft();
}
