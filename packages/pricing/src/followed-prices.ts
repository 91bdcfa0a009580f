import { parseEvent } from '@tollgate/events';
import { PricingError } from './errors.ts';
import { PriceBook } from './price-book.ts';
import { type PriceRow, priceRowOf } from './price-row.ts';

/**
 * The price book from the messages of the topic `prices`, in any order. Give `apply` to `bus.follow`. Rows are
 * immutable, so the book only grows.
 */
export class FollowedPrices {
  readonly #rows = new Map<string, PriceRow>();
  #book: PriceBook | null = null;
  #trouble: string | null = null;

  /** Takes one message. Never throws: what it can't use shows in `trouble`. */
  apply(message: { readonly key: string; readonly value: Buffer }): void {
    const parsed = parseEvent(message.value);
    if (parsed.kind === 'unknown-version') {
      this.#trouble = `a price has the type ${parsed.type}: upgrade this program`;
    }
    if (parsed.kind !== 'event' || parsed.event.type !== 'tollgate.price.v1') return;
    const { data } = parsed.event;
    const before = this.#rows.get(data.price_id);
    if (before !== undefined && before.data.version >= data.version) return;
    try {
      this.#rows.set(data.price_id, priceRowOf(data));
      this.#book = null;
    } catch (error) {
      if (!(error instanceof PricingError)) throw error;
      this.#trouble = `price ${data.price_id} can not be used: ${error.message}`;
    }
  }

  /** The book as it stands; the same object until another row arrives. */
  book(): PriceBook {
    this.#book ??= new PriceBook(this.#rows.values());
    return this.#book;
  }

  /** Why not every price is used; null where all are. */
  trouble(): string | null {
    return this.#trouble;
  }
}
