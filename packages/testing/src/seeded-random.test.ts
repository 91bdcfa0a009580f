import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from './seeded-random.ts';

test('a seed gives the same sequence for ever', () => {
  const random = seededRandom(42);
  expect(Array.from({ length: 5 }, () => random.integer(0, 999))).toEqual([601, 448, 852, 669, 174]);
  expect(random.bytes(4).toString('hex')).toBe(seededAt(42, 5).bytes(4).toString('hex'));
});

test('other seeds give other sequences', () => {
  const first = Array.from({ length: 100 }, (_, seed) => seededRandom(seed).next());
  expect(new Set(first).size).toBe(100);
});

test('whole numbers lie within their bounds, and both bounds occur', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: -1_000, max: 1_000 }), fc.nat(5), (seed, min, span) => {
      const random = seededRandom(seed);
      const drawn = new Set(Array.from({ length: 400 }, () => random.integer(min, min + span)));
      expect([...drawn].sort((a, b) => a - b)).toEqual(
        Array.from({ length: span + 1 }, (_, index) => min + index),
      );
    }),
  );
});

test('shuffling loses and doubles nothing, and leaves the list as it was', () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(fc.integer()), (seed, items) => {
      const before = [...items];
      const shuffled = seededRandom(seed).shuffle(items);
      expect(items).toEqual(before);
      expect([...shuffled].sort((a, b) => a - b)).toEqual([...items].sort((a, b) => a - b));
    }),
  );
});

test('there is nothing to pick from nothing', () => {
  expect(() => seededRandom(1).pick([])).toThrow(RangeError);
});

function seededAt(seed: number, drawn: number) {
  const random = seededRandom(seed);
  for (let index = 0; index < drawn; index += 1) random.next();
  return random;
}
