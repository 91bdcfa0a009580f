import { createHash } from 'node:crypto';
import type { ServingMode, TokenClass } from '@tollgate/events';
import { type PriceFields, type PriceRow, priceRowOf } from '@tollgate/pricing';
import { type EpochMicros, epochMicros } from '../time/instant.ts';
import { uuidFromDigest } from '../uuid-from-digest.ts';
import { rethrown } from './pricing-errors.ts';

export type { PriceRow };

/** A price row before it has an id: what a CSV or a request brings. */
export type PriceDraft = Omit<PriceFields, 'price_id' | 'version'>;

/** What a price is for. The provider is not part of it, since attribution names none: it only describes the row. */
export type PriceKey = {
  readonly model: string;
  readonly serving_mode: ServingMode;
  /** Null stands for every region that has no row of its own. */
  readonly region: string | null;
  readonly token_class: TokenClass;
};

/** The first version of a row, and so far the only one. */
const FIRST_VERSION = 1;

/**
 * The row of a draft. Its id follows from key and start, so that importing a file twice changes nothing.
 *
 * @throws ChargebackError `price_invalid`, `instant_invalid`
 */
export function priceRow(draft: PriceDraft): PriceRow {
  const id = priceId(draft, epochMicros(draft.effective_from));
  try {
    return priceRowOf({ ...draft, price_id: id, version: FIRST_VERSION });
  } catch (error) {
    throw rethrown(error);
  }
}

/** One text per key. */
export function priceKeyText(key: PriceKey): string {
  return JSON.stringify([key.model, key.serving_mode, key.region, key.token_class]);
}

function priceId(key: PriceKey, fromMicros: EpochMicros): string {
  const text = `tollgate/price/v1\n${priceKeyText(key)}\n${fromMicros}`;
  return uuidFromDigest(createHash('sha256').update(text).digest());
}
