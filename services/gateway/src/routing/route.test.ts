import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { testRoute, testTarget, testUpstream } from '../testing/gateway-under-test.ts';

const upstream = testUpstream('http://127.0.0.1:9');

const targetsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => testTarget(upstream, `model-${index}`, { id: `${index}` }));

const DRAWS = 1_000;

describe('the weights', () => {
  test('share the traffic exactly, for draws that are spread evenly', () => {
    const weights = fc
      .array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 8 })
      .filter((all) => all.some((weight) => weight > 0));
    fc.assert(
      fc.property(weights, (all) => {
        const sum = all.reduce((total, weight) => total + weight, 0);
        let drawn = 0;
        const random = () => (drawn + 0.5) / sum;
        const route = testRoute(targetsOf(all.length), { weights: all, random });
        const got = all.map(() => 0);
        for (; drawn < sum; drawn += 1) {
          const index = Number(route.choose(0).id);
          got[index] = (got[index] ?? 0) + 1;
        }
        expect(got).toEqual(all);
      }),
    );
  });

  test('hold for draws at random, too', () => {
    const route = testRoute(targetsOf(2), { weights: [9, 1] });
    let canary = 0;
    for (let i = 0; i < DRAWS; i += 1) if (route.choose(0).id === '1') canary += 1;
    // Seven standard deviations.
    expect(Math.abs(canary - DRAWS / 10)).toBeLessThan(67);
  });

  test('draw nothing where one target alone has traffic', () => {
    const random = () => {
      throw new Error('drawn');
    };
    expect(testRoute(targetsOf(3), { weights: [0, 1, 0], random }).choose(0).id).toBe('1');
  });
});

describe('a target that can not be asked', () => {
  test('is passed over for the first in the order that can', () => {
    const targets = targetsOf(3);
    const route = testRoute(targets, { weights: [0, 0, 1] });
    targets[2]?.health.rest(1_000, 429, 0);
    expect(route.choose(0).id).toBe('0');
    targets[0]?.health.rest(2_000, 429, 0);
    expect(route.choose(0).id).toBe('1');
    expect(route.waitMs(0)).toBe(0);
    targets[1]?.health.rest(3_000, 429, 0);
    expect(route.choose(0).id).toBe('2');
    expect(route.waitMs(400)).toBe(600);
    expect(route.choose(1_000).id).toBe('2');
  });
});

test('is as durable as the strictest of its targets, unless it says so itself', () => {
  const [one, two] = [
    testTarget(upstream, 'a', { durability: 'relaxed' }),
    testTarget(upstream, 'b', { durability: 'disk' }),
  ];
  expect(testRoute([one, two]).durability).toBe('disk');
  expect(testRoute([one, two], { durability: 'broker' }).durability).toBe('broker');
  expect(testRoute([one, two], { durability: 'relaxed' }).durability).toBe('relaxed');
});
