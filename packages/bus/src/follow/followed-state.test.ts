import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { FollowedState } from './followed-state.ts';

const IDENTITY = 'cluster/topic';
const log = (partition: number, low: bigint, high: bigint, identity = IDENTITY) => ({
  topic: 'directory',
  partition,
  identity,
  low,
  high,
});

describe('followed state', () => {
  let applied: string[];
  let state: FollowedState;
  beforeEach(() => {
    applied = [];
    state = new FollowedState('directory', ({ key, value }) => applied.push(`${key}=${value}`));
  });

  it('has caught up at once with an empty topic', () => {
    state.begin([log(0, 0n, 0n), log(1, 7n, 7n)]);
    expect(state.caughtUp()).toBe(true);
  });

  it('has caught up when every partition was read to where it ended at the start', () => {
    state.begin([log(0, 0n, 2n), log(1, 0n, 1n)]);
    state.readUpTo(0, 2n);
    expect(state.caughtUp()).toBe(false);
    state.readUpTo(1, 5n);
    expect(state.caughtUp()).toBe(true);
  });

  it('reads on after a snapshot, within what the log still has', () => {
    state.load({
      topic: 'directory',
      identity: IDENTITY,
      offsets: new Map([
        [0, 5n],
        [1, 5n],
        [2, 50n],
      ]),
      entries: [['a', Buffer.from('1')]],
    });
    expect(applied).toEqual(['a=1']);
    const { from, recreated } = state.begin([log(0, 0n, 9n), log(1, 7n, 9n), log(2, 0n, 9n), log(3, 2n, 9n)]);
    expect(recreated).toBe(false);
    expect([...from]).toEqual([
      [0, 5n],
      [1, 7n],
      [2, 0n],
      [3, 2n],
    ]);
  });

  it('reads all of a topic that was made anew, and keeps nothing of the old one in snapshots', () => {
    state.begin([log(0, 0n, 1n)]);
    state.message('a', Buffer.from('1'));
    state.readUpTo(0, 1n);
    const { from, recreated } = state.begin([log(0, 0n, 9n, 'cluster/other')]);
    expect(recreated).toBe(true);
    expect(from.get(0)).toBe(0n);
    expect(state.snapshot().entries).toEqual([]);
  });

  it('keeps the latest value of each key, and none of a key that was emptied', () => {
    state.begin([log(0, 0n, 4n)]);
    for (const [key, value] of [
      ['a', '1'],
      ['b', '1'],
      ['a', '2'],
    ] as const) {
      state.message(key, Buffer.from(value));
    }
    state.message('b', null);
    state.message(null, Buffer.from('without a key'));
    expect(state.snapshot().entries).toEqual([['a', Buffer.from('2')]]);
    expect(applied).toEqual(['a=1', 'b=1', 'a=2']);
  });

  it('gives a snapshot that later changes do not reach', () => {
    state.begin([log(0, 0n, 4n)]);
    state.message('a', Buffer.from('1'));
    const snapshot = state.snapshot();
    state.message('a', Buffer.from('2'));
    state.readUpTo(0, 2n);
    expect(snapshot.entries).toEqual([['a', Buffer.from('1')]]);
    expect(snapshot.offsets.get(0)).toBe(0n);
  });

  it('comes to the same state however often it is interrupted and resumed from a snapshot', () => {
    const messages = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), value: fc.nat(9) }));
    fc.assert(
      fc.property(messages, fc.array(fc.nat(20)), (all, cuts) => {
        const expected = new Map(all.map(({ key, value }) => [key, String(value)]));
        const actual = new Map<string, string>();
        const fresh = () =>
          new FollowedState('directory', ({ key, value }) => actual.set(key, value.toString()));
        let follower = fresh();
        for (const cut of [...cuts, all.length]) {
          const before = follower.snapshot();
          follower = fresh();
          follower.load(before);
          const { from } = follower.begin([log(0, 0n, BigInt(all.length))]);
          const start = Number(from.get(0));
          for (const [index, { key, value }] of all.slice(start, Math.max(start, cut)).entries()) {
            follower.message(key, Buffer.from(String(value)));
            follower.readUpTo(0, BigInt(start + index + 1));
          }
        }
        expect(actual).toEqual(expected);
      }),
    );
  });
});
