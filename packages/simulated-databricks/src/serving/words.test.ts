import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countWords, generatedWords } from './words.ts';

const bySplitting = (text: string): number => text.split(/\s+/).filter((word) => word !== '').length;

describe('counting words', () => {
  test('agrees with splitting at white space, whatever the characters', () => {
    const unit = fc.oneof(
      fc.constantFrom(
        ' ',
        '\t',
        '\n',
        '\r\n',
        '\u00a0',
        '\u1680',
        '\u2003',
        '\u2028',
        '\u202f',
        '\u3000',
        '\ufeff',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 40 }), (units) => {
        const text = units.join('');
        expect(countWords(text)).toBe(bySplitting(text));
      }),
    );
  });

  test('agrees with splitting for every single UTF-16 unit between two letters', () => {
    for (let code = 0; code < 0x1_0000; code += 1) {
      const text = `a${String.fromCharCode(code)}b`;
      if (countWords(text) !== bySplitting(text))
        expect.unreachable(`U+${code.toString(16)} counted otherwise`);
    }
  });
});

describe('generating words', () => {
  test('gives exactly as many words as asked, in any number of pieces', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 30_000 }), fc.integer({ min: 1, max: 5_000 }), (total, step) => {
        let joined = '';
        for (let at = 0; at < total; at += step) joined += generatedWords(at, Math.min(at + step, total));
        expect(countWords(joined)).toBe(total);
        expect(joined).toBe(generatedWords(0, total));
        expect(JSON.stringify(joined)).toBe(`"${joined}"`);
      }),
      { numRuns: 50 },
    );
  });
});
