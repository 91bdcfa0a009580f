import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { editDistance, nearestName } from './nearest-name.ts';

const NAMES = ['timeout_seconds', 'base_url', 'secret_key_ref', 'health_probe', 'id'];

describe('the nearest name', () => {
  test.each([
    ['timeout_second', 'timeout_seconds'],
    ['timeout-seconds', 'timeout_seconds'],
    ['timeuot_seconds', 'timeout_seconds'],
    ['BASE_URL', 'base_url'],
    ['baseurl', 'base_url'],
  ])('of %s is %s', (name, meant) => {
    expect(nearestName(name, NAMES)).toBe(meant);
  });

  test('is none where nothing is near', () => {
    expect(nearestName('temperature', NAMES)).toBeNull();
  });
});

describe('the distance of two texts', () => {
  test('is zero for equal ones alone, the same both ways, and at most the longer length', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (left, right) => {
        const distance = editDistance(left, right);
        expect(distance).toBe(editDistance(right, left));
        expect(distance === 0).toBe(left === right);
        expect(distance).toBeLessThanOrEqual(Math.max(left.length, right.length));
      }),
    );
  });

  test('counts neighbours swapped as one', () => {
    expect(editDistance('abcd', 'acbd')).toBe(1);
  });
});
