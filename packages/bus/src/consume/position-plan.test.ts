import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planPosition } from './position-plan.ts';

const log = (low: bigint, high: bigint, identity = 'cluster/topic') => ({
  topic: 'usage',
  partition: 0,
  identity,
  low,
  high,
});
const stored = (nextOffset: bigint, identity = 'cluster/topic') => ({ nextOffset, identity });

describe('the plan for a stored position', () => {
  it('keeps a position that lies within the log, its end included', () => {
    for (const next of [10n, 15n, 20n]) {
      expect(planPosition(stored(next), log(10n, 20n))).toEqual({ kind: 'keep' });
    }
  });

  it('begins a new group where the log begins', () => {
    expect(planPosition(undefined, log(10n, 20n))).toEqual({ kind: 'create', to: 10n });
  });

  it('begins again in a topic that was made anew, even where the old offset would fit', () => {
    expect(planPosition(stored(15n, 'cluster/old'), log(0n, 20n))).toEqual({
      kind: 'correct',
      to: 0n,
      reason: 'topic-recreated',
    });
  });

  it('begins again in a log that ends before the position', () => {
    expect(planPosition(stored(21n), log(3n, 20n))).toEqual({
      kind: 'correct',
      to: 3n,
      reason: 'log-truncated',
    });
  });

  it('goes on, and says so, where messages expired unread', () => {
    expect(planPosition(stored(9n), log(10n, 20n))).toEqual({
      kind: 'correct',
      to: 10n,
      reason: 'expired-unread',
    });
  });

  it('does not take an identity that it can not compare for another topic', () => {
    expect(planPosition(stored(15n, ''), log(10n, 20n))).toEqual({ kind: 'identify' });
    expect(planPosition(stored(15n), log(10n, 20n, ''))).toEqual({ kind: 'keep' });
  });

  it('never leads out of the log, nor past a message that was not read', () => {
    const offset = fc.bigInt({ min: 0n, max: 50n });
    fc.assert(
      fc.property(offset, offset, offset, fc.boolean(), (next, a, b, same) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        const before = stored(next, same ? 'cluster/topic' : 'cluster/old');
        const plan = planPosition(before, log(low, high));
        const to = plan.kind === 'correct' ? plan.to : next;
        expect(to >= low && to <= high).toBe(true);
        if (to > next) expect(low).toBe(to);
      }),
    );
  });
});
