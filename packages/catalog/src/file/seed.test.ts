import { describe, expect, test } from 'vitest';
import { catalogEntry } from '../queries/entry.ts';
import { listPrices } from '../queries/list-prices.ts';
import { seedCatalog } from './load-catalog.ts';

/** What sources say of models, each figure once more than in the file itself. */

const AT = Date.parse('2025-01-15');
const catalog = seedCatalog();
const entryOf = (model: string) => catalogEntry(catalog, { model, mode: 'pay-per-token', region: null }, AT);

describe('context windows and list prices', () => {
  test.each([
    ['databricks-meta-llama-3-3-70b-instruct', 128_000, '0.54', '0.54'],
    ['databricks-meta-llama-3-1-405b-instruct', 128_000, '5.00', '15.00'],
    ['databricks-dbrx-instruct', 32_000, '0.75', '2.25'],
    ['databricks-mixtral-8x7b-instruct', 32_000, '0.50', '1.00'],
    ['databricks-bge-large-en', 512, '0.10', null],
  ])('%s: %i tokens, %s in and %s out', (model, context, input, output) => {
    expect(entryOf(model)).toMatchObject({
      context_window: context,
      status: 'GA',
      proposed_price: { currency: 'USD', per_tokens: 1_000_000, input, output, list_price: true },
    });
  });

  test('are what the price book is offered, and nothing else is', () => {
    const models = new Set(listPrices().map(({ model }) => model));
    expect(models.size).toBe(5);
    expect(listPrices()).toHaveLength(9);
  });
});

test.each([
  ['databricks-claude-opus-4-5', '71.429', '357.143'],
  ['databricks-claude-sonnet-4-5', '42.857', '214.286'],
  ['databricks-claude-sonnet-4', '42.857', '214.286'],
  ['databricks-gpt-5', '17.857', '142.857'],
  ['databricks-gpt-5-1', '17.857', '142.857'],
  ['databricks-gemini-2-5-pro', '17.857', '142.857'],
  ['databricks-gpt-5-mini', '3.571', '28.571'],
  ['databricks-gpt-5-nano', '0.714', '5.714'],
  ['databricks-gemini-2-5-flash', '4.286', '35.714'],
  ['databricks-gpt-oss-120b', '2.143', '8.571'],
  ['databricks-gpt-oss-20b', '1', '4.286'],
  ['databricks-llama-4-maverick', '7.143', '21.429'],
  ['databricks-meta-llama-3-1-8b-instruct', '2.143', '6.429'],
  ['databricks-gte-large-en', '1.857', undefined],
])('%s: %s DBU in and %s out, at 0.07 USD each', (model, input, output) => {
  expect(catalog.price({ model, mode: 'pay-per-token' }, AT)).toMatchObject({
    unit: 'DBU',
    usd_per_dbu: '0.07',
    input,
    list_price: false,
  });
  expect(catalog.price({ model, mode: 'pay-per-token' }, AT)?.output).toBe(output);
});

test('DBU become USD exactly', () => {
  expect(entryOf('databricks-claude-opus-4-5')?.proposed_price).toMatchObject({
    input: '5.00003',
    output: '25.00001',
    list_price: false,
  });
});

test.each(['databricks-claude-opus-4-5', 'databricks-gpt-5', 'databricks-gemini-3-flash'])(
  'what no source says of %s is unknown, not false',
  (model) => {
    expect(entryOf(model)).toMatchObject({
      status: 'unknown',
      context_window: null,
      real_time: null,
      retires_on: null,
    });
  },
);

test.each([
  ['us-east-1', 'us'],
  ['eastus2', 'us'],
  ['us-central1', 'us'],
  ['eu-central-1', 'eu'],
  ['westeurope', 'eu'],
  ['europe-west4', 'eu'],
  ['eu-west-2', 'uk'],
  ['switzerlandnorth', 'switzerland'],
  ['ap-southeast-2', 'australia'],
  ['mars-1', null],
])('%s is in %s', (region, geography) => {
  expect(catalog.geographyOf(region)).toBe(geography);
});
