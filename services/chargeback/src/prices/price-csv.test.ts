import { listPrices } from '@tollgate/catalog/list-prices';
import { describe, expect, it } from 'vitest';
import { epochMicros } from '../time/instant.ts';
import { checkPrices } from './check-prices.ts';
import { pricesFromCsv, pricesToCsv } from './price-csv.ts';
import { priceRow } from './price-row.ts';

const HEADER =
  'provider,model,serving_mode,region,token_class,amount,per_quantity,currency,effective_from,effective_to,source';
const ROW = 'databricks,m,pay-per-token,,input,0.54,1000000,USD,2026-01-01T00:00:00Z,,"a list, of prices"';

describe('price rows as CSV', () => {
  it('come back as they were', () => {
    const rows = pricesFromCsv(`${HEADER}\n${ROW}\n`);
    expect(rows).toEqual([
      {
        provider: 'databricks',
        model: 'm',
        serving_mode: 'pay-per-token',
        region: null,
        token_class: 'input',
        amount: '0.54',
        per_quantity: 1_000_000,
        currency: 'USD',
        effective_from: '2026-01-01T00:00:00Z',
        effective_to: null,
        source: 'a list, of prices',
      },
    ]);
    expect(pricesFromCsv(pricesToCsv(rows))).toEqual(rows);
  });

  it.each([
    [ROW.replace('0.54', '5.4e-1'), /row 1: amount/],
    [ROW.replace('1000000', '1M'), /row 1: per_quantity/],
    [ROW.replace('USD', 'usd'), /row 1: currency/],
    [ROW.replace('2026-01-01T00:00:00Z', '2026-01-01'), /row 1: effective_from/],
    [ROW.replace('input', 'imput'), /row 1: token_class/],
    [ROW.replace('pay-per-token', 'free'), /row 1: serving_mode/],
  ])('name row and column of a fault', (row, message) => {
    expect(() => pricesFromCsv(`${HEADER}\n${row}\n`)).toThrow(message);
  });

  it('refuse a column that is not known, so that a typing error loses nothing', () => {
    expect(() => pricesFromCsv(`${HEADER},efective_to\n${ROW},x\n`)).toThrow(/efective_to/);
  });

  it('of the list prices fit the book', () => {
    const drafts = listPrices();
    expect(pricesFromCsv(pricesToCsv(drafts))).toEqual(drafts);
    const { added } = checkPrices([], drafts.map(priceRow), epochMicros('2026-01-01T00:00:00Z'));
    expect(added).toHaveLength(drafts.length);
    expect(
      drafts.map(
        (draft) =>
          `${draft.model} ${draft.token_class} ${draft.amount} ${draft.per_quantity} ${draft.currency}`,
      ),
    ).toEqual([
      'databricks-meta-llama-3-3-70b-instruct input 0.54 1000000 USD',
      'databricks-meta-llama-3-3-70b-instruct output 0.54 1000000 USD',
      'databricks-meta-llama-3-1-405b-instruct input 5.00 1000000 USD',
      'databricks-meta-llama-3-1-405b-instruct output 15.00 1000000 USD',
      'databricks-dbrx-instruct input 0.75 1000000 USD',
      'databricks-dbrx-instruct output 2.25 1000000 USD',
      'databricks-mixtral-8x7b-instruct input 0.50 1000000 USD',
      'databricks-mixtral-8x7b-instruct output 1.00 1000000 USD',
      'databricks-bge-large-en embedding 0.10 1000000 USD',
    ]);
  });
});
