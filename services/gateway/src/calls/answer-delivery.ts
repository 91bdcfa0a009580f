import type { ServerResponse } from 'node:http';
import { errorEvent, writeAnswer, writeRefusal, writeStreamHead } from '../api/answers.ts';
import { type Refusal, refuse } from '../errors.ts';
import type { AnswerStream } from '../metering/answer-stream.ts';
import type { CallPayloads } from '../payloads/call-payloads.ts';
import type { Admission } from './admission.ts';
import type { Attempt } from './attempts/attempt.ts';
import type { UpstreamAnswer } from './attempts/upstream-answer.ts';
import type { Deliverable } from './deliveries.ts';
import type { CallEnvironment } from './environment.ts';

/** What of a stream may wait for its caller before the upstream is held up. A fast one sends megabytes in a turn. */
const MAX_UNDELIVERED_BYTES = 64 * 1024;

/**
 * The caller's side of one call: passes the answer of the attempt that it follows on, holds that upstream up where the
 * caller reads slower, and ends the answer once its call is settled: whole, with a refusal, or cut off where the
 * call could not be recorded.
 */
export class AnswerDelivery implements Deliverable {
  queued = false;
  /** The attempt whose answer goes out: the one on its way, or the last one; null while none is. */
  attempt: Attempt | null = null;
  /** Whether the caller's connection closed before its answer was settled. */
  callerGone = false;
  /** Since when the caller has not taken what was written for it, in monotonic milliseconds; 0 where it has. */
  blockedMs = 0;

  readonly #env: CallEnvironment;
  readonly #admission: Admission;
  readonly #res: ServerResponse;
  #settled = false;
  /** What the caller is told in place of the answer, or at its end. */
  #refusal: Refusal | null = null;
  /** Whether that takes the answer's place, since nothing of it went out or is there to. */
  #instead = false;
  /** Whether the usage event could not be appended, or the vault not given what it must have. */
  #unrecorded = false;
  /** Settled, and its answer waits until what the vault has to keep of it is on the disk. */
  #waitsForVault = false;
  /** The last of a stream, taken out when it was settled. */
  #lastPiece: Buffer | null = null;
  /** Bytes of the stream that came before its latest delivery. */
  #deliveredBytes = 0;
  /** Whether the upstream is held up until the next delivery. */
  #crowded = false;

  constructor(env: CallEnvironment, admission: Admission, res: ServerResponse) {
    this.#env = env;
    this.#admission = admission;
    this.#res = res;
  }

  /** Has what is there of a stream go out with whatever else became ready in this turn. */
  passOn(): void {
    this.#env.deliveries.add(this, false);
  }

  /** As {@link passOn}, and holds the upstream up where too much waits for that. */
  passOnReady(stream: AnswerStream): void {
    this.passOn();
    if (!this.#crowded && stream.bytes - this.#deliveredBytes > MAX_UNDELIVERED_BYTES) {
      this.#crowded = true;
      this.attempt?.pause();
    }
  }

  /**
   * Nothing more comes of the answer. What the caller gets of it goes to the vault; it goes out with {@link finish}.
   *
   * @param refusal what the caller is told in its place, or at its end; null where the answer is passed on
   */
  settle(refusal: Refusal | null): void {
    this.#settled = true;
    this.#refusal = refusal;
    const stream = this.attempt?.answer.stream ?? null;
    const begun = this.#res.headersSent || stream?.hasReady === true;
    this.#instead = refusal !== null && !(stream !== null && begun);
    this.#keepAnswer();
  }

  /** Has the end go out. `recorded`: whether the usage event could be appended; the end waits until it is written. */
  finish(recorded: boolean): void {
    this.#unrecorded = !recorded;
    const { payloads } = this.#admission;
    if (payloads === null) this.#env.deliveries.add(this, true);
    else this.#deliverWhenTaken(payloads);
  }

  /** The status that the caller has been given or is about to be; null where it left before. */
  get status(): number | null {
    if (this.#res.headersSent) return this.#res.statusCode;
    if (this.callerGone) return null;
    if (this.#refusal !== null && this.#instead) return this.#refusal.status;
    return this.attempt?.answer.status ?? null;
  }

  deliver(failure: Error | null): void {
    const res = this.#res;
    if (res.destroyed || this.#waitsForVault) return;
    const { requestId } = this.#admission.arrival;
    const headers = this.#headers();
    const unrecorded = this.#settled && (this.#unrecorded || failure !== null);
    const answer = this.attempt?.answer ?? null;
    const stream = this.#instead ? null : (answer?.stream ?? null);
    if (answer !== null && stream !== null) this.#deliverStream(answer, stream, unrecorded);
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
      else if (this.#crowded) this.attempt?.resume();
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
    if (done === null || !failed || this.attempt === null) return done;
    return Buffer.from(this.attempt.target.upstream.conceal(done.toString('latin1')), 'latin1');
  }

  /** The caller reads slower than the upstream writes: nothing more is read from there until it has caught up. */
  #holdUpstream(): void {
    this.blockedMs = this.#env.clock.monotonic();
    this.attempt?.pause();
    this.#res.once('drain', () => {
      this.blockedMs = 0;
      this.attempt?.resume();
    });
  }

  /** What the answer says of limits, and of the end of the model that it is from. */
  #headers(): Readonly<Record<string, string>> | null {
    const { held, target } = this.#admission;
    const limits = held === null ? null : held.headers;
    const { headers } = (this.attempt?.target ?? target).catalogued;
    return headers === null ? limits : { ...limits, ...headers };
  }

  /** What the caller has got of the answer, and is about to get, goes to the vault; its digest is in the usage event. */
  #keepAnswer(): void {
    const { payloads } = this.#admission;
    const answer = this.attempt?.answer ?? null;
    if (payloads === null || answer === null || answer.status === null) return;
    const { stream } = answer;
    if (stream !== null && !this.#instead) {
      this.#lastPiece = stream.take();
      const end = this.#endOf(stream);
      for (const piece of [this.#lastPiece, end]) if (piece !== null) payloads.addAnswer(piece);
      payloads.endAnswer(answer.contentType);
    } else if (this.#refusal === null && !this.callerGone) {
      payloads.takeAnswer(answer.outgoing(), answer.contentType);
    }
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
}
