import type { Attribution, Quantities } from '@tollgate/events';
import { type Limit, type Units, usedOf } from '@tollgate/limits';
import { type Cost, costBound, costOf, type PriceBook, pricesOf, priceUsage } from '@tollgate/pricing';
import type { Target } from '../routing/target.ts';
import type { TokenBound } from './bounds.ts';

const MICROS_PER_MILLI = 1000;

/** What one attempt used, and at which target. */
export interface AttemptUse {
  readonly target: Target;
  readonly quantities: Quantities;
}

/** What money is reckoned with: who asks for what, and when. */
export interface Pricing {
  readonly book: PriceBook;
  readonly attribution: Attribution;
  /** When the request arrived, in milliseconds since the epoch: prices follow it. */
  readonly atMs: number;
}

/** The most that a request can take of a limit; null where that can't be told, for want of a price. */
export function mostOf(limit: Limit, tokens: TokenBound, pricing: Pricing): Units | null {
  const cost = limit.unit === 'money' ? boundCost(tokens, pricing) : null;
  return usedOf(limit, { final: true, quantities: quantitiesOf(tokens), cost });
}

/**
 * What quantities take of a limit; null where that can't be told, for want of a price.
 *
 * @param final false for an attempt that another one followed: the request counts with its last
 */
export function amountOf(limit: Limit, quantities: Quantities, pricing: Pricing, final = true): Units | null {
  const cost = limit.unit === 'money' ? usageCost(quantities, pricing) : null;
  return usedOf(limit, { final, quantities, cost });
}

export function quantitiesOf({ input, output }: TokenBound): Quantities {
  return {
    input_tokens: input,
    output_tokens: output,
    cached_input_tokens: 0,
    cache_creation_tokens: 0,
    reasoning_tokens: 0,
  };
}

function boundCost(tokens: TokenBound, { book, attribution, atMs }: Pricing): Cost {
  return costBound(
    attribution.serving_mode,
    pricesOf(attribution, book),
    tokens,
    Math.floor(atMs) * MICROS_PER_MILLI,
  );
}

function usageCost(quantities: Quantities, { book, attribution, atMs }: Pricing): Cost {
  const at = Math.floor(atMs) * MICROS_PER_MILLI;
  return costOf(priceUsage(attribution.serving_mode, pricesOf(attribution, book), quantities, at));
}
