import type { Dispatcher } from 'undici';
import type { Clock } from '../../clock.ts';
import type { Target } from '../../routing/target.ts';
import type { Verdict } from '../../routing/target-health.ts';
import type { UpstreamAnswer } from './upstream-answer.ts';

/** Why an attempt ended without its answer. */
export type Breakage =
  /** No connection came about in time. */
  | 'connect-timeout'
  /** Nothing was sent. */
  | 'unreachable'
  /** Nothing was sent, for the gateway has nothing to show of itself. */
  | 'no-credential'
  /** The connection broke. */
  | 'broke';

/** Whoever makes an attempt, and is told how it goes. */
export interface AttemptOwner {
  /** The head of the answer has come. */
  answering(): void;
  /** More of it has come. `fits`: whether it can still be held. */
  answered(fits: boolean): void;
  /** The upstream has closed the answer; after this, nothing more is told. */
  ended(): void;
  /** So it has, but the answer is not whole; after this, nothing more is told. */
  broke(why: Breakage): void;
}

/** One call of an upstream: the handler of its dispatch, what came back, and when. */
export class Attempt implements Dispatcher.DispatchHandler {
  /** From 1, within the request. */
  readonly number: number;
  readonly target: Target;
  readonly answer: UpstreamAnswer;
  /** On the monotonic clock, in milliseconds; 0: not yet. */
  readonly startedMs: number;
  firstByteMs = 0;
  lastByteMs = 0;

  readonly #clock: Clock;
  #owner: AttemptOwner | null;
  #controller: Dispatcher.DispatchController | null = null;
  /** Whether the target's health waits for what comes of this attempt. */
  #trial: boolean;
  #judged = false;

  constructor(
    owner: AttemptOwner,
    clock: Clock,
    number: number,
    target: Target,
    trial: boolean,
    answer: UpstreamAnswer,
  ) {
    this.#owner = owner;
    this.#clock = clock;
    this.number = number;
    this.target = target;
    this.answer = answer;
    this.startedMs = clock.monotonic();
    this.#trial = trial;
  }

  /** Whether anything was sent, or is about to be. */
  get sent(): boolean {
    return this.#controller !== null;
  }

  /** Tells nothing any more, and ends the upstream's work. */
  abandon(why: string): void {
    this.#owner = null;
    this.abort(why);
  }

  /** Ends the upstream's work; `broke` follows. */
  abort(why: string): void {
    this.#controller?.abort(new Error(why));
  }

  pause(): void {
    this.#controller?.pause();
  }

  /** Goes on; the time between two chunks begins anew. */
  resume(): void {
    this.lastByteMs = this.#clock.monotonic();
    this.#controller?.resume();
  }

  /** The upstream asked not to be called for so long, with this status. */
  rest(forMs: number, status: number): void {
    this.target.health.rest(forMs, status, this.#clock.monotonic());
  }

  /** Says what this attempt tells of its target; only the first word counts. */
  judge(verdict: Verdict): void {
    if (this.#judged) return;
    this.#judged = true;
    this.target.health.judge(verdict, this.#trial, this.#clock.monotonic());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Abandoned while it waited for a connection: nothing may be sent any more.
    if (this.#owner === null) controller.abort(new Error('abandoned before it was sent'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#owner === null || status < 200) return;
    this.firstByteMs = this.lastByteMs = this.#clock.monotonic();
    this.answer.begin(status, headers);
    if (this.#trial && status < 500) this.#passTrial();
    this.#owner.answering();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#owner === null) return;
    this.lastByteMs = this.#clock.monotonic();
    this.#owner.answered(this.answer.take(chunk));
  }

  onResponseEnd(): void {
    this.#owner?.ended();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#owner === null) return;
    const code = 'code' in error ? error.code : undefined;
    if (code === 'UND_ERR_CONNECT_TIMEOUT') this.#owner.broke('connect-timeout');
    else if (code === 'credential_unavailable') this.#owner.broke('no-credential');
    else this.#owner.broke(this.#controller === null ? 'unreachable' : 'broke');
  }

  /** A trial is passed by the head of an answer, for the rest may take minutes and others wait. */
  #passTrial(): void {
    this.target.health.judge('success', true, this.#clock.monotonic());
    this.#trial = false;
  }
}
