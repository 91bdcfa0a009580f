import { expect, test } from 'vitest';
import { until } from './until.ts';

test('returns the value once it is there', async () => {
  let looks = 0;
  const value = await until(() => (++looks === 3 ? 'there' : undefined), { timeoutMs: 5_000, intervalMs: 1 });
  expect(value).toBe('there');
  expect(looks).toBe(3);
});

test('a condition that throws is looked at again', async () => {
  let looks = 0;
  await until(
    () => {
      looks += 1;
      if (looks === 1) throw new Error('not yet');
      return true;
    },
    { timeoutMs: 5_000, intervalMs: 1 },
  );
  expect(looks).toBe(2);
});

test('says what was waited for and why it did not come', async () => {
  const cause = new Error('refused');
  const waiting = until(() => Promise.reject(cause), {
    timeoutMs: 5,
    intervalMs: 1,
    describe: () => 'the broker answers',
  });
  await expect(waiting).rejects.toMatchObject({
    code: 'not_in_time',
    message: 'after 5 ms: the broker answers: refused',
    cause,
  });
});
