import { expect, test } from 'vitest';
import { DurationHistogram } from './durations.ts';

test('durations are counted in cumulative buckets', () => {
  const histogram = new DurationHistogram('x_seconds', 'How long.');
  for (const us of [4_000, 5_000, 6_000, 400_000_000]) histogram.observe(us);
  const text = histogram.text();
  expect(text).toContain(
    '# TYPE x_seconds histogram\nx_seconds_bucket{le="0.005"} 2\nx_seconds_bucket{le="0.01"} 3\n',
  );
  expect(text).toContain('x_seconds_bucket{le="300"} 3\nx_seconds_bucket{le="+Inf"} 4\n');
  expect(text).toContain('x_seconds_sum 400.015\nx_seconds_count 4\n');
});
