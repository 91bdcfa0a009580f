import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PartitionRotation, partitionOfKey } from './partition-choice.ts';

const LIMITS = { bytes: 1_000, ms: 100 };

describe('the rotation of partitions', () => {
  it('stays on a partition until it had its bytes, then goes to the next and round again', () => {
    const rotation = new PartitionRotation(
      LIMITS,
      () => 0,
      () => 0,
    );
    const chosen = Array.from({ length: 9 }, () => rotation.choose('usage', 3, 400));
    expect(chosen).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2]);
    expect(rotation.choose('usage', 3, 400)).toBe(0);
  });

  it('goes on after a while, however little there was', () => {
    let nowMs = 0;
    const rotation = new PartitionRotation(
      LIMITS,
      () => nowMs,
      () => 0,
    );
    expect(rotation.choose('usage', 3, 1)).toBe(0);
    nowMs = 99;
    expect(rotation.choose('usage', 3, 1)).toBe(0);
    nowMs = 100;
    expect(rotation.choose('usage', 3, 1)).toBe(1);
  });

  it('leaves a partition that failed, and keeps topics apart', () => {
    const rotation = new PartitionRotation(
      LIMITS,
      () => 0,
      () => 0.99,
    );
    expect(rotation.choose('usage', 3, 1)).toBe(2);
    expect(rotation.choose('requests', 3, 1)).toBe(2);
    rotation.skip('usage');
    expect(rotation.choose('usage', 3, 1)).toBe(0);
    expect(rotation.choose('requests', 3, 1)).toBe(2);
  });

  it('never chooses a partition that is not there', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.array(fc.record({ count: fc.integer({ min: 1, max: 50 }), bytes: fc.nat(3_000) })),
        (random, flushes) => {
          const rotation = new PartitionRotation(
            LIMITS,
            () => 0,
            () => random,
          );
          for (const { count, bytes } of flushes) {
            const partition = rotation.choose('usage', count, bytes);
            expect(partition).toBeGreaterThanOrEqual(0);
            expect(partition).toBeLessThan(count);
          }
        },
      ),
    );
  });
});

describe('the partition of a key', () => {
  it('is always the same, so that compaction finds the older values', () => {
    expect(partitionOfKey('team/team_1', 12)).toBe(partitionOfKey('team/team_1', 12));
    // Recorded: a release that chose otherwise would leave stale values of every key in the topic.
    expect(
      ['organisation/org_1', 'team/team_1', 'api-key/key_1'].map((key) => partitionOfKey(key, 12)),
    ).toEqual([9, 3, 10]);
  });

  it('spreads keys evenly', () => {
    const counts = new Array<number>(12).fill(0);
    for (let index = 0; index < 12_000; index += 1) {
      const partition = partitionOfKey(`api-key/key_${index}`, 12);
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(850);
  });
});
