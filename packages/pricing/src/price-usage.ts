import type {
  Attribution,
  ChargeLine as ChargeEventLine,
  Quantities,
  ServingMode,
  TokenClass,
} from '@tollgate/events';
import type { EpochMicros } from './instant.ts';
import { type ModelPrices, NO_PRICES, type PriceBook, priceInForce } from './price-book.ts';
import type { PriceRow } from './price-row.ts';

/**
 * What a usage event costs: one line per token class that is billed apart and was used.
 *
 * - Cached input and cache creation are parts of input, reasoning is part of output. A part becomes a line of its
 *   own, and is taken off the whole, where a price of its class is in force; else it is charged within the whole.
 * - Input is charged at the class `embedding` where only that one has a price.
 * - Every outcome is charged by its quantities: an answer that failed, was aborted or lost used what it used.
 * - A class of zero tokens has no line; a usage without any (`not-attempted`) has no charge, and its outcome says
 *   why.
 * - No price in force: `unpriced`, without an amount. Zero has a reason: `included-in-capacity` where the serving
 *   mode is provisioned throughput (capacity is billed by the hour) and no token price says otherwise;
 *   `billed-by-provider` where a price row of an external model says zero.
 */
export type ChargeStatus = ChargeEventLine['status'];

export type ChargeLine = {
  readonly tokenClass: TokenClass;
  readonly quantity: number;
  readonly status: ChargeStatus;
  readonly price: PriceRow | null;
  /**
   * Of one token, a decimal; null where unpriced. The amount is quantity × unit price: Postgres multiplies as it
   * stores the line, since its `numeric` is as exact as our decimals and takes a tenth of their time.
   */
  readonly unitPrice: string | null;
};

/**
 * Prices the quantities of one usage event by the rows in force at `at`, its `requested_at`.
 *
 * @param prices those of the attribution, as `pricesOf` finds them
 */
export function priceUsage(
  servingMode: ServingMode | null,
  prices: ModelPrices,
  quantities: Quantities,
  at: EpochMicros,
): ChargeLine[] {
  const lines: ChargeLine[] = [];
  const add = (tokenClass: TokenClass, quantity: number, price: PriceRow | null): void => {
    if (quantity > 0) lines.push(lineOf(servingMode, tokenClass, quantity, price));
  };
  const addPart = (tokenClass: TokenClass, part: number, whole: number): number => {
    const quantity = Math.min(part, whole);
    if (quantity === 0) return whole;
    const price = priceInForce(prices, tokenClass, at);
    if (price === null) return whole;
    add(tokenClass, quantity, price);
    return whole - quantity;
  };

  let input = addPart('cached-input', quantities.cached_input_tokens, quantities.input_tokens);
  input = addPart('cache-creation', quantities.cache_creation_tokens, input);
  if (input > 0) {
    const price = priceInForce(prices, 'input', at);
    const embedding = price === null ? priceInForce(prices, 'embedding', at) : null;
    if (embedding === null) add('input', input, price);
    else add('embedding', input, embedding);
  }
  const output = addPart('reasoning', quantities.reasoning_tokens, quantities.output_tokens);
  if (output > 0) add('output', output, priceInForce(prices, 'output', at));
  return lines;
}

/** The prices of what was served; of what was asked for, where nobody knows what served it. */
export function pricesOf(attribution: Attribution, book: PriceBook): ModelPrices {
  const model = attribution.served_model ?? attribution.requested_model;
  const { serving_mode, region } = attribution;
  return model === null || serving_mode === null ? NO_PRICES : book.of({ model, serving_mode, region });
}

function lineOf(
  servingMode: ServingMode | null,
  tokenClass: TokenClass,
  quantity: number,
  price: PriceRow | null,
): ChargeLine {
  if (price === null) {
    return servingMode === 'provisioned-throughput'
      ? { tokenClass, quantity, status: 'included-in-capacity', price, unitPrice: '0' }
      : { tokenClass, quantity, status: 'unpriced', price, unitPrice: null };
  }
  return {
    tokenClass,
    quantity,
    status: price.unit.sign() === 0 ? reasonOfZero(servingMode) : 'priced',
    price,
    unitPrice: price.unitText,
  };
}

/** Price rows of zero exist for these two serving modes alone (see `checkPrices`). */
function reasonOfZero(servingMode: ServingMode | null): ChargeStatus {
  return servingMode === 'provisioned-throughput' ? 'included-in-capacity' : 'billed-by-provider';
}
