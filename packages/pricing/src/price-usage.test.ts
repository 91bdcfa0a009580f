import type { Attribution, Quantities } from '@tollgate/events';
import { Amount } from '@tollgate/money';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochMicros } from './instant.ts';
import { PriceBook } from './price-book.ts';
import type { PriceRow } from './price-row.ts';
import { type ChargeLine, pricesOf, priceUsage } from './price-usage.ts';
import { ATTRIBUTION, NO_TOKENS, priceOf } from './testing/fixtures.ts';

const AT = '2026-03-10T12:00:00Z';

function price(
  rows: readonly PriceRow[],
  quantities: Partial<Quantities>,
  attribution: Partial<Attribution> = {},
  at = AT,
): string[] {
  const of = { ...ATTRIBUTION, ...attribution };
  return priceUsage(
    of.serving_mode,
    pricesOf(of, new PriceBook(rows)),
    { ...NO_TOKENS, ...quantities },
    epochMicros(at),
  ).map((line) => `${line.tokenClass} ${line.quantity} ${line.status} ${amountOfLine(line)}`);
}

/** What Postgres makes of a line. */
function amountOfLine({ quantity, unitPrice }: ChargeLine): string | null {
  return unitPrice === null ? null : Amount.of(unitPrice).times(quantity).toString();
}

const INPUT = priceOf();
const OUTPUT = priceOf({ token_class: 'output', amount: '2' });
const CACHED = priceOf({ token_class: 'cached-input', amount: '0.1' });
const CREATION = priceOf({ token_class: 'cache-creation', amount: '1' });
const REASONING = priceOf({ token_class: 'reasoning', amount: '3' });

describe('priceUsage', () => {
  it('charges input and output by their own rows', () => {
    expect(price([INPUT, OUTPUT], { input_tokens: 1000, output_tokens: 10 })).toEqual([
      'input 1000 priced 0.00054',
      'output 10 priced 0.00002',
    ]);
  });

  it('takes parts with a price of their own off the whole', () => {
    const rows = [INPUT, OUTPUT, CACHED, CREATION, REASONING];
    const quantities = {
      input_tokens: 1000,
      cached_input_tokens: 600,
      cache_creation_tokens: 100,
      output_tokens: 50,
      reasoning_tokens: 20,
    };
    expect(price(rows, quantities)).toEqual([
      'cached-input 600 priced 0.00006',
      'cache-creation 100 priced 0.0001',
      'input 300 priced 0.000162',
      'reasoning 20 priced 0.00006',
      'output 30 priced 0.00006',
    ]);
  });

  it('charges parts within the whole where they have no price of their own', () => {
    const quantities = {
      input_tokens: 1000,
      cached_input_tokens: 600,
      output_tokens: 50,
      reasoning_tokens: 20,
    };
    expect(price([INPUT, OUTPUT], quantities)).toEqual([
      'input 1000 priced 0.00054',
      'output 50 priced 0.0001',
    ]);
  });

  it('charges embeddings by the class embedding', () => {
    const row = priceOf({ token_class: 'embedding', amount: '0.10' });
    expect(price([row], { input_tokens: 30 })).toEqual(['embedding 30 priced 0.000003']);
  });

  it('has no line for what was not used', () => {
    expect(price([INPUT, OUTPUT], {})).toEqual([]);
    expect(price([INPUT, OUTPUT], { input_tokens: 1 })).toEqual(['input 1 priced 0.00000054']);
  });

  it('says unpriced, never zero, where no row is in force', () => {
    expect(price([INPUT], { input_tokens: 1, output_tokens: 1 })).toEqual([
      'input 1 priced 0.00000054',
      'output 1 unpriced null',
    ]);
    expect(price([INPUT], { input_tokens: 1 }, { served_model: 'another' })).toEqual([
      'input 1 unpriced null',
    ]);
    expect(price([INPUT], { input_tokens: 1 }, { serving_mode: 'batch' })).toEqual(['input 1 unpriced null']);
    expect(price([INPUT], { input_tokens: 1 }, { serving_mode: null })).toEqual(['input 1 unpriced null']);
    expect(price([INPUT], { input_tokens: 1 }, {}, '2025-12-31T23:59:59Z')).toEqual([
      'input 1 unpriced null',
    ]);
  });

  it('says why zero is zero', () => {
    expect(price([], { input_tokens: 7 }, { serving_mode: 'provisioned-throughput' })).toEqual([
      'input 7 included-in-capacity 0',
    ]);
    const free = priceOf({ serving_mode: 'external', amount: '0' });
    expect(price([free], { input_tokens: 7 }, { serving_mode: 'external' })).toEqual([
      'input 7 billed-by-provider 0',
    ]);
    expect(price([], { input_tokens: 7 }, { serving_mode: 'external' })).toEqual(['input 7 unpriced null']);
  });

  it('charges by the model that was asked for where nobody knows what served it', () => {
    expect(price([INPUT], { input_tokens: 1 }, { served_model: null })).toEqual([
      'input 1 priced 0.00000054',
    ]);
  });

  it("prefers the region's own row to that of all regions", () => {
    const regional = priceOf({ region: 'eu-central-1', amount: '0.6' });
    expect(price([INPUT, regional], { input_tokens: 10 })).toEqual(['input 10 priced 0.000006']);
    expect(price([INPUT, regional], { input_tokens: 10 }, { region: 'us-east-1' })).toEqual([
      'input 10 priced 0.0000054',
    ]);
  });

  it('charges each instant by the row in force then, half-open, whatever the changes', () => {
    const day = Date.UTC(2026, 0, 1);
    const starts = fc.uniqueArray(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        starts,
        fc.integer({ min: -5, max: 1005 }),
        fc.option(fc.integer({ min: 1, max: 50 })),
        (list, at, length) => {
          const ordered = list.toSorted((a, b) => a - b);
          const rows = ordered.map((start, index) =>
            priceOf({
              amount: String(index + 1),
              per_quantity: 1,
              effective_from: new Date(day + start).toISOString(),
              // The last one ends of itself, or never.
              effective_to:
                index === ordered.length - 1 && length !== null
                  ? new Date(day + start + length).toISOString()
                  : null,
            }),
          );
          const index = ordered.filter((start) => start <= at).length - 1;
          const last = ordered.at(-1) ?? 0;
          const ended = index === ordered.length - 1 && length !== null && at >= last + length;
          const expected = index < 0 || ended ? 'input 1 unpriced null' : `input 1 priced ${index + 1}`;
          const shuffled = rows.toReversed();
          expect(price(shuffled, { input_tokens: 1 }, {}, new Date(day + at).toISOString())).toEqual([
            expected,
          ]);
        },
      ),
    );
  });

  it('never charges a token twice or leaves one out', () => {
    const tokens = fc.nat({ max: 1000 });
    const rows = fc.subarray([INPUT, OUTPUT, CACHED, CREATION, REASONING]);
    fc.assert(
      fc.property(
        rows,
        tokens,
        tokens,
        tokens,
        tokens,
        tokens,
        (list, input, output, cached, creation, reasoning) => {
          const lines = priceUsage(
            ATTRIBUTION.serving_mode,
            pricesOf(ATTRIBUTION, new PriceBook(list)),
            {
              input_tokens: input,
              output_tokens: output,
              cached_input_tokens: cached,
              cache_creation_tokens: creation,
              reasoning_tokens: reasoning,
            },
            epochMicros(AT),
          );
          const sum = lines.reduce((total, line) => total + line.quantity, 0);
          expect(sum).toBe(input + output);
          expect(new Set(lines.map((line) => line.tokenClass)).size).toBe(lines.length);
        },
      ),
    );
  });
});
