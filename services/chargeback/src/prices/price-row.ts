import { createHash } from 'node:crypto';
import type { PriceData, ServingMode, TokenClass } from '@tollgate/events';
import type { Amount } from '@tollgate/money';
import { type EpochMicros, epochMicros } from '../time/instant.ts';
import { uuidFromDigest } from '../uuid-from-digest.ts';
import { unitPrice } from './unit-price.ts';

/** A price row before it has an id: what a CSV or a request brings. */
export type PriceDraft = Pick<
  PriceData,
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

/** What a price is for. The provider is not part of it, since attribution names none: it only describes the row. */
export type PriceKey = {
  readonly model: string;
  readonly serving_mode: ServingMode;
  /** Null stands for every region that has no row of its own. */
  readonly region: string | null;
  readonly token_class: TokenClass;
};

/** An immutable row of the price book. */
export type PriceRow = {
  readonly data: PriceDraft & { readonly price_id: string; readonly version: number };
  readonly fromMicros: EpochMicros;
  /** Null: until a later row of the same key starts. */
  readonly toMicros: EpochMicros | null;
  /** The price of one token. */
  readonly unit: Amount;
  /** The same as text. */
  readonly unitText: string;
};

/** The first version of a row, and so far the only one. */
const FIRST_VERSION = 1;

/**
 * The row of a draft. Its id follows from key and start, so that importing a file twice changes nothing.
 *
 * @throws ChargebackError `price_invalid`, `instant_invalid`
 */
export function priceRow(draft: PriceDraft): PriceRow {
  const fromMicros = epochMicros(draft.effective_from);
  const unit = unitPrice(draft.amount, draft.per_quantity);
  return {
    data: { ...draft, price_id: priceId(draft, fromMicros), version: FIRST_VERSION },
    fromMicros,
    toMicros: draft.effective_to === null ? null : epochMicros(draft.effective_to),
    unit,
    unitText: unit.toString(),
  };
}

/** One text per key. */
export function priceKeyText(key: PriceKey): string {
  return JSON.stringify([key.model, key.serving_mode, key.region, key.token_class]);
}

function priceId(key: PriceKey, fromMicros: EpochMicros): string {
  const text = `tollgate/price/v1\n${priceKeyText(key)}\n${fromMicros}`;
  return uuidFromDigest(createHash('sha256').update(text).digest());
}
