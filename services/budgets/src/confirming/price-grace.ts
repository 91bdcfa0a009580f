import type { FollowedPrices } from '@tollgate/pricing';
import { costOfUsage, type UsageEvent } from './confirm.ts';

/** Models waited for in vain at most; past it, they are waited for again. */
const MAX_GIVEN_UP = 10_000;
const LOOK_EVERY_MS = 20;

/**
 * Waits, but not for long, until every event has a price: a new model's first usage can arrive before the news of its
 * price does, and chargeback, which has the price book itself, would charge it.
 */
export class PriceGrace {
  readonly #prices: FollowedPrices;
  readonly #graceMs: number;
  readonly #givenUp = new Set<string>();

  constructor(prices: FollowedPrices, graceMs: number) {
    this.#prices = prices;
    this.#graceMs = graceMs;
  }

  async known(events: readonly UsageEvent[]): Promise<void> {
    const waiting = events.filter((event) => !this.#givenUp.has(nameOf(event)));
    const missing = () => waiting.filter((event) => costOfUsage(event, this.#prices.book()).unpriced);
    const deadline = performance.now() + this.#graceMs;
    let left = missing();
    while (left.length > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      left = missing();
    }
    if (this.#givenUp.size > MAX_GIVEN_UP) this.#givenUp.clear();
    for (const event of left) this.#givenUp.add(nameOf(event));
  }
}

function nameOf({ data: { attribution } }: UsageEvent): string {
  const { served_model, requested_model, serving_mode, region } = attribution;
  return JSON.stringify([served_model ?? requested_model, serving_mode, region]);
}
