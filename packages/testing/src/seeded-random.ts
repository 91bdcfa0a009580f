/** A source of chance that repeats itself: equal seeds give equal sequences on every machine. Not for secrets. */
export type SeededRandom = {
  readonly seed: number;
  /** At least 0 and below 1, in steps of 2^-32. */
  next(): number;
  /** A whole number from `min` to `max`, both possible. */
  integer(min: number, max: number): number;
  /** One of the items. Throws a RangeError if there are none. */
  pick<T>(items: readonly T[]): T;
  /** The items in another order; the given list stays as it is. */
  shuffle<T>(items: readonly T[]): T[];
  bytes(length: number): Buffer;
};

/** Mulberry32 (T. Ettinger, 2017): 32 bits of state, enough to spread faults and inputs. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;

  function uint32(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  const next = (): number => uint32() / 2 ** 32;
  const integer = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));

  return {
    seed,
    next,
    integer,
    pick(items) {
      const item = items[integer(0, items.length - 1)];
      if (item === undefined) throw new RangeError('nothing to pick from');
      return item;
    },
    shuffle(items) {
      return items
        .map((item) => ({ item, key: next() }))
        .sort((a, b) => a.key - b.key)
        .map(({ item }) => item);
    },
    bytes(length) {
      return Buffer.from(Array.from({ length }, () => uint32() & 0xff));
    },
  };
}
