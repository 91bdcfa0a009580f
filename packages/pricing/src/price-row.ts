import type { PriceData } from '@tollgate/events';
import type { Amount } from '@tollgate/money';
import { type EpochMicros, epochMicros } from './instant.ts';
import { MONEY_SCALE } from './money-scale.ts';
import { unitPrice } from './unit-price.ts';

/** What a price row says. */
export type PriceFields = Pick<
  PriceData,
  | 'price_id'
  | 'version'
  | 'provider'
  | 'model'
  | 'serving_mode'
  | 'region'
  | 'token_class'
  | 'amount'
  | 'per_quantity'
  | 'currency'
  | 'effective_from'
  | 'effective_to'
  | 'source'
>;

/** An immutable row of the price book. */
export type PriceRow = {
  readonly data: PriceFields;
  readonly fromMicros: EpochMicros;
  /** Null: until a later row of the same key starts. */
  readonly toMicros: EpochMicros | null;
  /** The price of one token. */
  readonly unit: Amount;
  /** The same as text. */
  readonly unitText: string;
  /** The same as whole numbers: 10^-`MONEY_SCALE` of the currency for so many tokens; nearly always for one. */
  readonly perTokens: { readonly cost: bigint; readonly tokens: bigint };
};

/** @throws PricingError `price_invalid`, `instant_invalid` */
export function priceRowOf(data: PriceFields): PriceRow {
  const unit = unitPrice(data.amount, data.per_quantity);
  const scale = Math.max(MONEY_SCALE, unit.scale());
  return {
    data,
    fromMicros: epochMicros(data.effective_from),
    toMicros: data.effective_to === null ? null : epochMicros(data.effective_to),
    unit,
    unitText: unit.toString(),
    perTokens: { cost: unit.toUnits(scale), tokens: 10n ** BigInt(scale - MONEY_SCALE) },
  };
}
