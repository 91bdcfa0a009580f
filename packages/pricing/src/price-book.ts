import type { ServingMode, TokenClass } from '@tollgate/events';
import type { EpochMicros } from './instant.ts';
import type { PriceRow } from './price-row.ts';

/** What a model costs where it is served so: per token class, the rows of the region and those of all regions. */
export type ModelPrices = ReadonlyMap<
  TokenClass,
  readonly [regional: readonly PriceRow[], everywhere: readonly PriceRow[]]
>;

/** What was served, how and where. */
export type ModelUse = {
  readonly model: string;
  readonly serving_mode: ServingMode;
  readonly region: string | null;
};

export const NO_PRICES: ModelPrices = new Map();
/** Models × serving modes × regions that were asked for; past it the memory starts anew. */
const MAX_CACHED = 10_000;

/**
 * Every row of the price book, ready to be asked what was in force when. Of a key's rows, the one that started
 * last is in force, until its own `effective_to` where it has one: so a later row ends an earlier one by its own
 * start, and no row is ever edited.
 *
 * Cost: two look-ups in maps and a binary search over the key's rows.
 */
export class PriceBook {
  readonly #rowsByModel: Map<string, PriceRow[]>;
  readonly #pricesByUse = new Map<string, ModelPrices>();

  constructor(rows: Iterable<PriceRow>) {
    this.#rowsByModel = Map.groupBy(rows, (row) => row.data.model);
  }

  /** Everything that could price what a model used. */
  of(use: ModelUse): ModelPrices {
    // No serving mode holds a space, so the text is unambiguous.
    const text = `${use.serving_mode} ${use.region === null ? '' : `in ${use.region}`} ${use.model}`;
    const known = this.#pricesByUse.get(text);
    if (known !== undefined) return known;
    if (this.#pricesByUse.size >= MAX_CACHED) this.#pricesByUse.clear();
    const prices = this.#gather(use);
    this.#pricesByUse.set(text, prices);
    return prices;
  }

  #gather(use: ModelUse): ModelPrices {
    const rows = this.#rowsByModel
      .get(use.model)
      ?.filter((row) => row.data.serving_mode === use.serving_mode);
    if (rows === undefined) return NO_PRICES;
    const byClass = Map.groupBy(
      rows.toSorted((a, b) => a.fromMicros - b.fromMicros),
      (row) => row.data.token_class,
    );
    return new Map(
      [...byClass].map(([tokenClass, list]) => [
        tokenClass,
        [
          use.region === null ? [] : list.filter((row) => row.data.region === use.region),
          list.filter((row) => row.data.region === null),
        ],
      ]),
    );
  }
}

/** The row in force: of the region, or else of all regions. */
export function priceInForce(prices: ModelPrices, tokenClass: TokenClass, at: EpochMicros): PriceRow | null {
  const rows = prices.get(tokenClass);
  return rows === undefined ? null : (lastStarted(rows[0], at) ?? lastStarted(rows[1], at));
}

function lastStarted(rows: readonly PriceRow[], at: EpochMicros): PriceRow | null {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = rows[middle];
    if (row !== undefined && row.fromMicros <= at) low = middle + 1;
    else high = middle;
  }
  const row = rows[low - 1];
  if (row === undefined) return null;
  return row.toMicros === null || at < row.toMicros ? row : null;
}
