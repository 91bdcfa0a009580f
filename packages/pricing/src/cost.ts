import type { ServingMode, TokenClass } from '@tollgate/events';
import type { EpochMicros } from './instant.ts';
import { type ModelPrices, priceInForce } from './price-book.ts';
import type { PriceRow } from './price-row.ts';
import type { ChargeLine } from './price-usage.ts';

/** What a usage costs, in whole numbers of 10^-`MONEY_SCALE` of a currency. */
export type Cost = {
  readonly amount: bigint;
  /** Null where nothing has a price: of no tokens, of included capacity, or unpriced. */
  readonly currency: string | null;
  /** Whether some of it has no price, so that the amount is not all of it. */
  readonly unpriced: boolean;
};

/**
 * The sum of lines as `priceUsage` makes them. Exact; only a price of less than 10^-18 per token, of which nobody
 * has heard, is rounded up per line.
 */
export function costOf(lines: readonly ChargeLine[]): Cost {
  let amount = 0n;
  let currency: string | null = null;
  let unpriced = false;
  for (const { price, quantity, status } of lines) {
    if (status === 'unpriced') unpriced = true;
    if (price === null) continue;
    amount += costAt(price, quantity);
    currency ??= price.data.currency;
  }
  return { amount, currency, unpriced };
}

const INPUT_PARTS: readonly TokenClass[] = ['cached-input', 'cache-creation'];
const OUTPUT_PARTS: readonly TokenClass[] = ['reasoning'];

/**
 * The most that so many tokens can cost, whatever classes they turn out to be of: what a strict limit of money
 * reserves. Each token is priced by the dearest class in force that it could be of.
 */
export function costBound(
  servingMode: ServingMode | null,
  prices: ModelPrices,
  tokens: { readonly input: number; readonly output: number },
  at: EpochMicros,
): Cost {
  const included = servingMode === 'provisioned-throughput';
  let amount = 0n;
  let currency: string | null = null;
  let unpriced = false;
  const add = (quantity: number, whole: PriceRow | null, parts: readonly TokenClass[]): void => {
    if (quantity === 0) return;
    if (whole === null && !included) unpriced = true;
    let dearest = 0n;
    for (const price of [whole, ...parts.map((part) => priceInForce(prices, part, at))]) {
      if (price === null) continue;
      const cost = costAt(price, quantity);
      if (cost > dearest) dearest = cost;
      currency ??= price.data.currency;
    }
    // Lines that share the tokens are each rounded up.
    amount += dearest + (isExact(prices) ? 0n : BigInt(parts.length));
  };
  add(tokens.input, priceInForce(prices, 'input', at) ?? priceInForce(prices, 'embedding', at), INPUT_PARTS);
  add(tokens.output, priceInForce(prices, 'output', at), OUTPUT_PARTS);
  return { amount, currency, unpriced };
}

function costAt({ perTokens }: PriceRow, quantity: number): bigint {
  const cost = BigInt(quantity) * perTokens.cost;
  return perTokens.tokens === 1n ? cost : (cost + perTokens.tokens - 1n) / perTokens.tokens;
}

function isExact(prices: ModelPrices): boolean {
  for (const [regional, everywhere] of prices.values()) {
    if (regional.some(isFine) || everywhere.some(isFine)) return false;
  }
  return true;
}

function isFine({ perTokens }: PriceRow): boolean {
  return perTokens.tokens !== 1n;
}
