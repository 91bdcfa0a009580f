import { serializeEvent } from '@tollgate/events';
import { Amount } from '@tollgate/money';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costBound, costOf } from './cost.ts';
import { FollowedPrices } from './followed-prices.ts';
import { epochMicros } from './instant.ts';
import { MONEY_SCALE } from './money-scale.ts';
import { NO_PRICES, PriceBook } from './price-book.ts';
import type { PriceFields, PriceRow } from './price-row.ts';
import { pricesOf, priceUsage } from './price-usage.ts';
import { ATTRIBUTION, NO_TOKENS, priceFields, priceOf } from './testing/fixtures.ts';

const AT = epochMicros('2026-03-10T12:00:00Z');
const CLASSES = ['input', 'output', 'cached-input', 'cache-creation', 'reasoning'] as const;

const amount = fc.stringMatching(/^\d{1,6}(\.\d{1,12})?$/);
const rows = fc
  .tuple(fc.subarray([...CLASSES]), fc.array(amount, { minLength: 5, maxLength: 5 }))
  .map(([classes, amounts]): PriceRow[] =>
    classes.map((token_class, n) => priceOf({ token_class, amount: `${amounts[n]}1` })),
  );
const tokens = fc.nat({ max: 1_000_000_000 });
const quantities = fc.record({
  input_tokens: tokens,
  output_tokens: tokens,
  cached_input_tokens: tokens,
  cache_creation_tokens: tokens,
  reasoning_tokens: tokens,
});

describe('costOf', () => {
  it('is the sum of quantity × unit price over the lines, to the last digit', () => {
    fc.assert(
      fc.property(rows, quantities, (list, used) => {
        const lines = priceUsage('pay-per-token', pricesOf(ATTRIBUTION, new PriceBook(list)), used, AT);
        const exact = Amount.sum(
          lines.map(({ quantity, unitPrice }) => Amount.of(unitPrice ?? '0').times(quantity)),
        );
        const cost = costOf(lines);
        const given = Amount.ofUnits(cost.amount, MONEY_SCALE);
        // Only prices finer than 10^-18 per token are rounded: up, by less than one in the last place per line.
        const excess = given.minus(exact);
        expect(excess.sign()).toBeGreaterThanOrEqual(0);
        expect(excess.compare(Amount.ofUnits(BigInt(lines.length + 1), MONEY_SCALE))).toBe(-1);
        if (exact.scale() <= MONEY_SCALE) expect(given.toString()).toBe(exact.toString());
        expect(cost.unpriced).toBe(lines.some(({ status }) => status === 'unpriced'));
      }),
    );
  });

  it('has no currency where nothing has a price', () => {
    const lines = priceUsage('pay-per-token', NO_PRICES, { ...NO_TOKENS, input_tokens: 1 }, AT);
    expect(costOf(lines)).toEqual({ amount: 0n, currency: null, unpriced: true });
    expect(costOf([])).toEqual({ amount: 0n, currency: null, unpriced: false });
  });
});

describe('costBound', () => {
  it('is never below what the same tokens cost, whatever classes they are of', () => {
    fc.assert(
      fc.property(rows, quantities, (list, used) => {
        const prices = pricesOf(ATTRIBUTION, new PriceBook(list));
        const cost = costOf(priceUsage('pay-per-token', prices, used, AT));
        const bound = costBound(
          'pay-per-token',
          prices,
          { input: used.input_tokens, output: used.output_tokens },
          AT,
        );
        expect(bound.amount).toBeGreaterThanOrEqual(cost.amount);
        if (cost.unpriced) expect(bound.unpriced).toBe(true);
      }),
    );
  });

  it('is what they cost where no part has a price of its own', () => {
    const prices = pricesOf(
      ATTRIBUTION,
      new PriceBook([priceOf(), priceOf({ token_class: 'output', amount: '2' })]),
    );
    expect(costBound('pay-per-token', prices, { input: 1000, output: 10 }, AT)).toEqual({
      amount: 560_000_000_000_000n,
      currency: 'USD',
      unpriced: false,
    });
  });
});

describe('FollowedPrices', () => {
  const message = (fields: PriceFields, n: number) => ({
    key: fields.price_id,
    value: serializeEvent(
      {
        type: 'tollgate.price.v1',
        id: `0197c9a0-0000-7000-8000-${String(n).padStart(12, '0')}`,
        subject: fields.price_id,
        time: '2026-01-01T00:00:00.000Z',
        data: fields,
      },
      '/services/chargeback/e1',
      n,
    ),
  });

  it('prices as the book of the same rows does, in whatever order they come', () => {
    const fields = [
      priceFields(),
      priceFields({ token_class: 'output', amount: '2' }),
      priceFields({ amount: '0.6', effective_from: '2026-03-01T00:00:00Z' }),
    ];
    const used = { ...NO_TOKENS, input_tokens: 10, output_tokens: 3 };
    const costs = [fields, fields.toReversed()].map((order) => {
      const followed = new FollowedPrices();
      for (const [n, each] of order.entries()) followed.apply(message(each, n + 1));
      followed.apply(message(fields[0] ?? priceFields(), 9));
      expect(followed.book()).toBe(followed.book());
      return costOf(priceUsage('pay-per-token', pricesOf(ATTRIBUTION, followed.book()), used, AT));
    });
    expect(costs[0]).toEqual({ amount: 12_000_000_000_000n, currency: 'USD', unpriced: false });
    expect(costs[1]).toEqual(costs[0]);
  });

  it('says what it can not use, and keeps the rest', () => {
    const followed = new FollowedPrices();
    followed.apply(message(priceFields({ per_quantity: 3 }), 1));
    followed.apply({ key: 'x', value: Buffer.from('not JSON') });
    expect(followed.trouble()).toMatch(/power of ten/);
  });
});
