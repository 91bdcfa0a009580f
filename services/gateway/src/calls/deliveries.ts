import type { Spool } from '../spool/spool.ts';

/** Something that has bytes for its caller. */
export interface Deliverable {
  /** Whether it waits to be delivered; kept by the queue. */
  queued: boolean;
  /** Writes what there is, in one piece. `failure`: the events appended before could not be written. */
  deliver(failure: Error | null): void;
}

/**
 * Lets everything that became ready in one turn of the event loop go out together: the spool is written first, in
 * one write for all, so that no caller sees the end of an answer that a killed process would forget.
 */
export class Deliveries {
  readonly #spool: Spool;
  #waiting: Deliverable[] = [];
  #scheduled = false;
  #appended = false;

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** @param appended whether events were appended that have to be written before the delivery */
  add(deliverable: Deliverable, appended: boolean): void {
    if (appended) this.#appended = true;
    if (!deliverable.queued) {
      deliverable.queued = true;
      this.#waiting.push(deliverable);
    }
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#run);
    }
  }

  readonly #run = (): void => {
    const batch = this.#waiting;
    this.#waiting = [];
    this.#scheduled = false;
    let failure: Error | null = null;
    if (this.#appended) {
      this.#appended = false;
      try {
        this.#spool.flush();
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
      }
    }
    for (const deliverable of batch) {
      deliverable.queued = false;
      deliverable.deliver(failure);
    }
  };
}
