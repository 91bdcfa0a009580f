import type { Attribution, ChargeData, Quantities, TokenClass } from '@tollgate/events';
import type { PriceBook } from '../prices/price-book.ts';
import type { PriceRow } from '../prices/price-row.ts';
import { amountOf } from '../prices/unit-price.ts';
import type { EpochMicros } from '../time/instant.ts';

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
export type ChargeStatus = ChargeData['status'];

export type ChargeLine = {
  readonly tokenClass: TokenClass;
  readonly quantity: number;
  readonly status: ChargeStatus;
  readonly price: PriceRow | null;
  /** A decimal; null where unpriced. */
  readonly amount: string | null;
};

/** Prices the quantities of one usage event by the rows in force at `at`, its `requested_at`. */
export function priceUsage(
  attribution: Attribution,
  quantities: Quantities,
  at: EpochMicros,
  book: PriceBook,
): ChargeLine[] {
  const find = (tokenClass: TokenClass): PriceRow | null => findPrice(attribution, tokenClass, at, book);
  const lines: ChargeLine[] = [];
  const add = (tokenClass: TokenClass, quantity: number, price: PriceRow | null): void => {
    if (quantity > 0) lines.push(lineOf(attribution, tokenClass, quantity, price));
  };
  const addPart = (tokenClass: TokenClass, part: number, whole: number): number => {
    const quantity = Math.min(part, whole);
    if (quantity === 0) return whole;
    const price = find(tokenClass);
    if (price === null) return whole;
    add(tokenClass, quantity, price);
    return whole - quantity;
  };

  let input = addPart('cached-input', quantities.cached_input_tokens, quantities.input_tokens);
  input = addPart('cache-creation', quantities.cache_creation_tokens, input);
  if (input > 0) {
    const price = find('input');
    const embedding = price === null ? find('embedding') : null;
    if (embedding === null) add('input', input, price);
    else add('embedding', input, embedding);
  }
  const output = addPart('reasoning', quantities.reasoning_tokens, quantities.output_tokens);
  if (output > 0) add('output', output, find('output'));
  return lines;
}

/** The price of what was served; of what was asked for, where nobody knows what served it. */
function findPrice(
  attribution: Attribution,
  tokenClass: TokenClass,
  at: EpochMicros,
  book: PriceBook,
): PriceRow | null {
  const model = attribution.served_model ?? attribution.requested_model;
  if (model === null || attribution.serving_mode === null) return null;
  return book.find(
    { model, serving_mode: attribution.serving_mode, region: attribution.region, token_class: tokenClass },
    at,
  );
}

function lineOf(
  attribution: Attribution,
  tokenClass: TokenClass,
  quantity: number,
  price: PriceRow | null,
): ChargeLine {
  if (price === null) {
    return attribution.serving_mode === 'provisioned-throughput'
      ? { tokenClass, quantity, status: 'included-in-capacity', price, amount: '0' }
      : { tokenClass, quantity, status: 'unpriced', price, amount: null };
  }
  return {
    tokenClass,
    quantity,
    status: price.unit.sign() === 0 ? reasonOfZero(attribution) : 'priced',
    price,
    amount: amountOf(price.unit, quantity),
  };
}

/** Price rows of zero exist for these two serving modes alone (see `checkPrices`). */
function reasonOfZero(attribution: Attribution): ChargeStatus {
  return attribution.serving_mode === 'provisioned-throughput'
    ? 'included-in-capacity'
    : 'billed-by-provider';
}
