import type { ServerResponse } from 'node:http';
import type { CallEnvironment } from '../environment.ts';
import type { RunningCall } from '../running-calls.ts';

/** Why a request that waited to be decided on ended before it was. */
export type Given = 'caller_left' | 'shutting_down' | 'audit_unavailable';

/**
 * A request that waits for its budget, or for the safety filter's judge: in flight like a call, so that it counts
 * against what may be in flight and the gateway does not stop before it is answered. What it waits for sees to the deadline.
 */
export class WaitingCall implements RunningCall {
  seat = -1;
  readonly #env: CallEnvironment;
  readonly #res: ServerResponse;
  readonly #leave: () => boolean;
  readonly #givenUp: (why: Given) => void;
  /** When its record has to be safe at the latest, on the monotonic clock. */
  safeByMs = Number.POSITIVE_INFINITY;

  /**
   * @param leave ends the waiting; false where it has ended
   * @param givenUp called once where the waiting ended without an outcome
   */
  constructor(
    env: CallEnvironment,
    res: ServerResponse,
    leave: () => boolean,
    givenUp: (why: Given) => void,
  ) {
    this.#env = env;
    this.#res = res;
    this.#leave = leave;
    this.#givenUp = givenUp;
  }

  start(): void {
    this.#env.running.add(this);
    this.#res.on('close', this.#closed);
    if (this.#res.destroyed) this.#closed();
  }

  /** The waiting is over. Call it after whatever follows is in flight itself. */
  over(): void {
    this.#res.off('close', this.#closed);
    this.#env.running.delete(this);
  }

  readonly #closed = (): void => this.giveUp('caller_left');

  /** Ends the waiting without an outcome. */
  giveUp(why: Given): void {
    if (!this.#leave()) return;
    this.#givenUp(why);
    this.over();
  }

  checkDeadlines(nowMs: number): void {
    if (nowMs > this.safeByMs) this.giveUp('audit_unavailable');
  }

  noteProgress(): void {}

  lastOnConnection(): void {
    if (!this.#res.headersSent) this.#res.setHeader('connection', 'close');
  }

  endNow(): void {
    this.giveUp('shutting_down');
  }
}
