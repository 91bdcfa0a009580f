import { Amount } from '@tollgate/money';
import type { Price } from '../file/read-catalog-file.ts';

/** Digits after the point of a price that was reckoned from DBU. */
const SCALE = 6;

/** What a million tokens would cost by public lists, in USD. Nothing is charged by it. */
export interface ProposedPrice {
  readonly currency: 'USD';
  readonly per_tokens: 1_000_000;
  readonly input: string | null;
  readonly output: string | null;
  readonly list_price: boolean;
  readonly source: string;
}

export function proposedPrice(price: Price): ProposedPrice {
  return {
    currency: 'USD',
    per_tokens: 1_000_000,
    input: inUsd(price.input, price),
    output: inUsd(price.output, price),
    list_price: price.list_price,
    source: price.source,
  };
}

function inUsd(amount: string | undefined, { unit, usd_per_dbu }: Price): string | null {
  if (amount === undefined) return null;
  if (unit === 'USD') return amount;
  return Amount.of(amount)
    .times(usd_per_dbu ?? '0')
    .rounded(SCALE, 'half-even')
    .toString();
}
