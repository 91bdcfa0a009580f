import { writeRefusal } from '../api/answers.ts';
import { type Refusal, refuse } from '../errors.ts';
import type { Deliverable } from './deliveries.ts';
import type { Incoming } from './incoming.ts';

/** The answer to a denied or rejected request; it waits until the decision is written. */
export class TurnedAway implements Deliverable {
  queued = false;
  readonly #incoming: Incoming;
  readonly #refusal: Refusal;

  constructor(incoming: Incoming, refusal: Refusal) {
    this.#incoming = incoming;
    this.#refusal = refusal;
  }

  deliver(failure: Error | null): void {
    const { res, arrival } = this.#incoming;
    if (res.destroyed) return;
    writeRefusal(res, arrival.requestId, failure === null ? this.#refusal : refuse('audit_unavailable'));
  }
}
