import fc from 'fast-check';
import { expect, test } from 'vitest';
import { uuidV7 } from './uuid-v7.ts';

const ms = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const random = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes));

test('is of version 7 and variant 10, holds its time, and leaves the given bytes alone', () => {
  fc.assert(
    fc.property(ms, random, (nowMs, bytes) => {
      const given = Buffer.from(bytes);
      const id = uuidV7(nowMs, bytes);
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(nowMs);
      expect(bytes).toEqual(given);
    }),
  );
});

test('sorts by time', () => {
  fc.assert(
    fc.property(ms, ms, random, random, (a, b, one, other) => {
      fc.pre(a !== b);
      expect(uuidV7(a, one) < uuidV7(b, other)).toBe(a < b);
    }),
  );
});
