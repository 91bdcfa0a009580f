import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { cursorCodec, pageFrom } from './pagination.ts';

const codec = cursorCodec(z.strictObject({ at: z.string(), id: z.string() }));

test('a cursor says what was put into it, in letters that a URL keeps as they are', () => {
  fc.assert(
    fc.property(fc.record({ at: fc.string({ unit: 'grapheme' }), id: fc.string() }), (key) => {
      const cursor = codec.encode(key);
      expect(cursor).toMatch(/^[A-Za-z0-9_-]*$/);
      expect(codec.decode(cursor)).toEqual(key);
    }),
  );
});

test('whatever else is given as a cursor is refused as such', () => {
  const other = cursorCodec(z.number()).encode(7);
  for (const cursor of ['', 'x', '____', other, Buffer.from('{"at":1,"id":"a"}').toString('base64url')]) {
    expect(() => codec.decode(cursor)).toThrow(expect.objectContaining({ code: 'invalid_cursor' }));
  }
});

test('pages of any size give every row once', () => {
  const numbers = cursorCodec(z.number());
  fc.assert(
    fc.property(fc.nat({ max: 30 }), fc.integer({ min: 1, max: 10 }), (count, limit) => {
      const rows = Array.from({ length: count }, (_, index) => index);
      const seen: number[] = [];
      let after = -1;
      for (;;) {
        const found = rows.filter((row) => row > after).slice(0, limit + 1);
        const page = pageFrom(found, limit, numbers, (row) => row);
        expect(page.items.length).toBeLessThanOrEqual(limit);
        seen.push(...page.items);
        if (page.next_cursor === null) break;
        after = numbers.decode(page.next_cursor);
      }
      expect(seen).toEqual(rows);
    }),
  );
});
