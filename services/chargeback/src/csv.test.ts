import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCsv, writeCsv } from './csv.ts';

describe('CSV', () => {
  it('comes back as it was written, whatever the fields hold', () => {
    const row = fc.record({
      a: fc.string(),
      'b,"c"': fc.stringMatching(/^[a",\r\n]*$/),
      d: fc.constant('x'),
    });
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        expect(readCsv(writeCsv(['a', 'b,"c"', 'd'], rows))).toEqual(rows);
      }),
    );
  });

  it('reads line ends of either kind, a byte order mark, empty lines and a missing last line end', () => {
    expect(readCsv('\uFEFFa,b\n1,2\r\n\n3,')).toEqual([
      { a: '1', b: '2' },
      { a: '3', b: '' },
    ]);
  });

  it.each([
    ['', /empty/],
    ['a,b\n1\n', /line 2 has 1 fields/],
    ['a,b\n1,2\n"x\ny",2\n1,2,3\n', /line 5 has 3 fields/],
    ['a\n"x\n', /line 2: a quote/],
    ['a\n"x"y\n', /line 2: a quote/],
  ])('refuses %j and names the line', (text, message) => {
    expect(() => readCsv(text)).toThrow(message);
  });
});
