import { expect, test } from 'vitest';
import { z } from 'zod';
import { IdSource } from './ids.ts';

const fixed = (ms: () => number) => ({ now: ms, monotonic: () => 0 });

test('ids are UUIDs of version 7 that hold the time', () => {
  const ids = new IdSource(fixed(() => 0x0190_1234_5678));
  const id = ids.next();
  expect(z.uuidv7().safeParse(id).success).toBe(true);
  expect(id.startsWith('01901234-5678-7')).toBe(true);
});

test('ids increase strictly, within a millisecond, beyond its counter, and when the clock goes back', () => {
  let now = 1_700_000_000_000;
  const ids = new IdSource(fixed(() => now));
  let last = '';
  for (let i = 0; i < 30_000; i += 1) {
    if (i === 10_000) now -= 5_000;
    if (i === 20_000) now += 60_000;
    const id = ids.next();
    expect(id > last).toBe(true);
    last = id;
  }
});
