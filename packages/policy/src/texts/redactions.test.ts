import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Redactions, type Span } from './redactions.ts';

const span = (start: number, end: number, label = 'X'): Span => ({ start, end, label });

describe('redaction', () => {
  test('gives the same text the same placeholder throughout a request, and another one another', () => {
    const redactions = new Redactions();
    expect(redactions.redact('a@b.c and d@e.f', [span(0, 5, 'EMAIL'), span(10, 15, 'EMAIL')], true)).toBe(
      '<EMAIL_1> and <EMAIL_2>',
    );
    expect(redactions.redact('again d@e.f', [span(6, 11, 'EMAIL')], true)).toBe('again <EMAIL_2>');
    expect(redactions.restore('to <EMAIL_2>, not <EMAIL_3>')).toBe('to d@e.f, not <EMAIL_3>');
    expect(redactions.longest).toBe(9);
  });

  test('passes over placeholders that the request came with', () => {
    const redactions = new Redactions(['see <X_1> and <X_2>']);
    expect(redactions.redact('secret', [span(0, 6)], true)).toBe('<X_3>');
    expect(redactions.restore('<X_1> <X_3>')).toBe('<X_1> secret');
  });

  test('does not give back what must not be restored', () => {
    const redactions = new Redactions();
    const text = redactions.redact('ab', [span(0, 1, 'A')], false);
    expect(redactions.restore(redactions.redact(text, [span(5, 6, 'B')], true))).toBe('<A_1>b');
  });

  test('takes a placeholder whole where a later span cuts it', () => {
    const redactions = new Redactions();
    const once = redactions.redact('mail a@b.c now', [span(5, 10, 'EMAIL')], true);
    const twice = redactions.redact(once, [span(0, 8, 'Y')], true);
    expect(twice).toBe('<Y_1> now');
    expect(redactions.restore(twice)).toBe('mail a@b.c now');
  });

  test('undone gives the texts back, whatever they hold and however often they are redacted', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', '<', '>', 'X', '_', '1', 'é', '😀', ' '),
      maxLength: 40,
    });
    const places = fc.array(fc.tuple(fc.nat(40), fc.nat(40), fc.constantFrom('X', 'Y')), { maxLength: 5 });
    fc.assert(
      fc.property(
        fc.array(text, { minLength: 1, maxLength: 3 }),
        fc.array(places, { maxLength: 4 }),
        (texts, rounds) => {
          const redactions = new Redactions(texts);
          let current = texts;
          for (const round of rounds) {
            current = current.map((one) =>
              redactions.redact(
                one,
                round
                  .map(([from, to, label]) =>
                    span(Math.min(from, to, one.length), Math.min(Math.max(from, to), one.length), label),
                  )
                  .filter(({ start, end }) => start < end),
                true,
              ),
            );
          }
          expect(current.map((one) => redactions.restore(one))).toEqual(texts);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
