import { TOPICS } from '@tollgate/events';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shareOf } from './shares.ts';

const group = fc.record({
  topic: fc.constantFrom(...TOPICS),
  partitions: fc.integer({ min: 1, max: 64 }),
  members: fc.uniqueArray(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 12 }),
});

it('gives each partition to one member, and no member two more than another', () => {
  fc.assert(
    fc.property(group, ({ topic, partitions, members }) => {
      const shares = members.map((member) => shareOf(topic, partitions, members, member));
      expect(shares.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, p) => p));
      const sizes = shares.map((share) => share.length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

it('gives nothing to who is no member', () => {
  expect(shareOf('usage', 4, [1, 2], 3)).toEqual([]);
  expect(shareOf('usage', 4, [], 3)).toEqual([]);
});
