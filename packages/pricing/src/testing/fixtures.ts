import type { Attribution, Quantities } from '@tollgate/events';
import { type PriceFields, type PriceRow, priceRowOf } from '../price-row.ts';

const MODEL = 'databricks-meta-llama-3-3-70b-instruct';

export const ATTRIBUTION: Attribution = {
  organisation_id: 'org_acme',
  team_id: 'team_search',
  project_id: null,
  cost_centre_id: null,
  principal_type: 'service',
  principal_id: 'sp_indexer',
  key_id: 'key_1',
  requested_model: MODEL,
  served_model: MODEL,
  target_id: 'databricks',
  serving_mode: 'pay-per-token',
  region: 'eu-central-1',
  tags: {},
  policy: { name: 'test', version: '1.0.0', digest: 'a'.repeat(64) },
};

export const NO_TOKENS: Quantities = {
  input_tokens: 0,
  output_tokens: 0,
  cached_input_tokens: 0,
  cache_creation_tokens: 0,
  reasoning_tokens: 0,
};

/** What a row for input tokens of the fixtures' model says, from 2026 on, changed as said. */
export function priceFields(change: Partial<PriceFields> = {}): PriceFields {
  const fields = {
    version: 1,
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
  } as const;
  const { serving_mode, region, token_class, effective_from } = fields;
  return { price_id: `${serving_mode}-${region}-${token_class}-${effective_from}`, ...fields };
}

export function priceOf(change: Partial<PriceFields> = {}): PriceRow {
  return priceRowOf(priceFields(change));
}
