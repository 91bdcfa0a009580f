import type { OutgoingMessage, Publisher } from '@tollgate/bus';

/**
 * One way to the bus for all that a spool sends: a publisher takes one batch at a time, so what comes meanwhile
 * waits in line.
 */
export class Outlet {
  readonly #publisher: Publisher;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(publisher: Publisher) {
    this.#publisher = publisher;
  }

  /** Batches in line, the one being sent included. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Sends one batch, once. @throws what the publisher throws: the batch may not have been stored */
  send(batch: readonly OutgoingMessage[]): Promise<void> {
    this.#waiting += 1;
    const sent = this.#last.then(() => this.#publisher.publish(batch));
    this.#last = sent.then(
      () => this.#done(),
      () => this.#done(),
    );
    return sent;
  }

  #done(): void {
    this.#waiting -= 1;
  }

  /** Resolves when nothing is being sent. */
  async idle(): Promise<void> {
    while (this.#waiting > 0) await this.#last;
  }
}
