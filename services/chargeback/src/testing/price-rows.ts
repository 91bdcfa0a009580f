import { type PriceDraft, type PriceRow, priceRow } from '../prices/price-row.ts';
import { MODEL } from './usage-events.ts';

/** A price row of MODEL's input tokens, from 2026 on, changed as said. */
export function priceOf(change: Partial<PriceDraft> = {}): PriceRow {
  return priceRow({
    provider: 'databricks',
    model: MODEL,
    serving_mode: 'pay-per-token',
    region: null,
    token_class: 'input',
    amount: '0.54',
    per_quantity: 1_000_000,
    currency: 'USD',
    effective_from: '2026-01-01T00:00:00Z',
    effective_to: null,
    source: 'test',
    ...change,
  });
}
