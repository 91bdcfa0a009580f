import { PriceBook, priceInForce } from '@tollgate/pricing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { priceOf } from '../testing/price-rows.ts';
import { epochMicros } from '../time/instant.ts';
import { checkPrices } from './check-prices.ts';
import type { PriceDraft, PriceRow } from './price-row.ts';

const NOW = '2026-06-01T00:00:00Z';
const check = (existing: readonly PriceRow[], proposed: readonly PriceRow[]) =>
  checkPrices(existing, proposed, epochMicros(NOW));
const from = (effective_from: string, change: Partial<PriceDraft> = {}) =>
  priceOf({ effective_from, ...change });

describe('checkPrices', () => {
  it('adds rows that start from now on', () => {
    const later = from(NOW, { amount: '0.6' });
    expect(check([priceOf()], [later])).toEqual({ added: [later], unchanged: [] });
  });

  it('takes the history of a key that had no price before', () => {
    const rows = [from('2024-01-01T00:00:00Z'), from('2025-01-01T00:00:00Z'), from('2026-01-01T00:00:00Z')];
    expect(check([], rows).added).toEqual(rows);
  });

  it('finds a row that is there already unchanged', () => {
    const row = priceOf();
    expect(check([row], [priceOf({ amount: '0.540' })])).toEqual({ added: [], unchanged: [row] });
    expect(check([], [row, row])).toEqual({ added: [row], unchanged: [row] });
  });

  it.each([
    ['amount', { amount: '0.55' }],
    ['currency', { currency: 'EUR' }],
    ['end', { effective_to: '2027-01-01T00:00:00Z' }],
    ['source', { source: 'another' }],
  ])('refuses to edit the %s of a row', (_, change) => {
    expect(() => check([priceOf()], [priceOf(change)])).toThrow(
      expect.objectContaining({ code: 'price_conflict' }),
    );
  });

  it('refuses to change what was in force in the past', () => {
    const code = expect.objectContaining({ code: 'price_in_past' });
    expect(() => check([priceOf()], [from('2026-03-01T00:00:00Z')])).toThrow(code);
    expect(() => check([priceOf()], [from('2026-05-31T23:59:59.999999Z')])).toThrow(code);
    // Before the first one there was nothing to change; that one ends the new row by its own start.
    expect(() => check([priceOf()], [from('2025-03-01T00:00:00Z')])).not.toThrow();
  });

  it('refuses rows that would have split or re-routed what is charged already', () => {
    const code = expect.objectContaining({ code: 'price_in_past' });
    expect(() => check([priceOf()], [priceOf({ token_class: 'cached-input' })])).toThrow(code);
    expect(() => check([priceOf()], [priceOf({ region: 'eu-central-1' })])).toThrow(code);
    expect(() => check([priceOf({ region: 'eu-central-1' })], [priceOf()])).toThrow(code);
    expect(() => check([priceOf({ token_class: 'embedding' })], [priceOf()])).toThrow(code);
    // Output was unpriced so far, and input stays as it is.
    expect(check([priceOf()], [priceOf({ token_class: 'output' })]).added).toHaveLength(1);
    expect(
      check([priceOf({ region: 'eu-central-1' })], [priceOf({ region: 'us-east-1' })]).added,
    ).toHaveLength(1);
  });

  it('takes a row for a stretch of the past that had none', () => {
    const ended = priceOf({ effective_to: '2026-02-01T00:00:00Z' });
    expect(check([ended], [from('2026-02-01T00:00:00Z', { amount: '1' })]).added).toHaveLength(1);
  });

  it('refuses a row that starts within one that says when it ends', () => {
    const bounded = from('2026-07-01T00:00:00Z', { effective_to: '2026-08-01T00:00:00Z' });
    expect(() => check([bounded], [from('2026-07-31T00:00:00Z')])).toThrow(
      expect.objectContaining({ code: 'price_overlap' }),
    );
    expect(check([bounded], [from('2026-08-01T00:00:00Z')]).added).toHaveLength(1);
    // The other way round: a bounded row that reaches into a later one.
    expect(() =>
      check(
        [from('2026-08-01T00:00:00Z')],
        [from('2026-07-01T00:00:00Z', { effective_to: '2026-09-01T00:00:00Z' })],
      ),
    ).toThrow(expect.objectContaining({ code: 'price_overlap' }));
  });

  it.each([
    ['an end before its start', { effective_to: '2025-01-01T00:00:00Z' }, /effective_to/],
    ['zero without a reason', { amount: '0.00' }, /zero needs a reason/],
  ])('refuses %s', (_, change, message) => {
    expect(() => check([], [priceOf(change)])).toThrow(message);
  });

  it('takes zero where something else is billed', () => {
    expect(check([], [priceOf({ amount: '0', serving_mode: 'external' })]).added).toHaveLength(1);
  });

  it('refuses two currencies for one model at a time', () => {
    expect(() => check([], [priceOf(), priceOf({ token_class: 'output', currency: 'EUR' })])).toThrow(
      /currency/,
    );
    const changeover = [
      priceOf({ effective_from: '2026-07-01T00:00:00Z', currency: 'EUR' }),
      priceOf({ effective_from: '2026-07-01T00:00:00Z', currency: 'EUR', token_class: 'output' }),
    ];
    expect(check([priceOf(), priceOf({ token_class: 'output' })], changeover).added).toHaveLength(2);
  });

  it('never changes what any instant of the past is charged by', () => {
    const day = (n: number) => new Date(Date.UTC(2026, 0, 1) + n * 86_400_000).toISOString();
    const row = fc
      .record({
        start: fc.nat({ max: 300 }),
        length: fc.option(fc.integer({ min: 1, max: 100 })),
        amount: fc.nat({ max: 3 }),
      })
      .map(({ start, length, amount }) =>
        from(day(start), {
          effective_to: length === null ? null : day(start + length),
          amount: String(amount + 1),
        }),
      );
    const rows = fc.array(row, { maxLength: 5 });
    fc.assert(
      fc.property(rows, rows, fc.nat({ max: 300 }), (first, second, nowDay) => {
        let before: readonly PriceRow[] = [];
        try {
          before = checkPrices([], first, epochMicros(day(nowDay))).added;
        } catch {
          return;
        }
        let after: readonly PriceRow[];
        try {
          after = [...before, ...checkPrices(before, second, epochMicros(day(nowDay))).added];
        } catch {
          return;
        }
        const [bookBefore, bookAfter] = [new PriceBook(before), new PriceBook(after)];
        for (let n = 0; n < nowDay; n += 1) {
          const at = epochMicros(day(n));
          const found = priceInForce(bookBefore.of(priceOf().data), 'input', at);
          if (found !== null) expect(priceInForce(bookAfter.of(priceOf().data), 'input', at)).toEqual(found);
        }
      }),
      { numRuns: 500 },
    );
  });
});
