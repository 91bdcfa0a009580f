import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

test('two services in one process have the same metric apart', async () => {
  const definition = { name: 'tollgate_requests_total', help: 'Requests.', labels: ['outcome'] as const };
  const [first, second] = [createMetrics(), createMetrics()];
  first.counter(definition).inc({ outcome: 'answered' }, 2);
  second.counter(definition).inc({ outcome: 'denied' });
  expect(await first.text()).toContain('tollgate_requests_total{outcome="answered"} 2');
  expect(await second.text()).not.toContain('answered');
});

test('a gauge looks its value up at each scrape', async () => {
  const metrics = createMetrics();
  let depth = 1;
  metrics.gauge({ name: 'tollgate_spool_bytes', help: 'Spool.', collect: (gauge) => gauge.set(depth) });
  expect(await metrics.text()).toContain('tollgate_spool_bytes 1');
  depth = 2;
  expect(await metrics.text()).toContain('tollgate_spool_bytes 2');
});

test('a histogram counts in the buckets it was given', async () => {
  const metrics = createMetrics();
  const histogram = metrics.histogram({ name: 'tollgate_wait_seconds', help: 'Wait.', buckets: [0.1, 1] });
  histogram.observe(0.5);
  const text = await metrics.text();
  expect(text).toContain('tollgate_wait_seconds_bucket{le="0.1"} 0');
  expect(text).toContain('tollgate_wait_seconds_bucket{le="1"} 1');
});

test('the process is measured only where that is asked for', async () => {
  expect(await createMetrics().text()).not.toContain('process_cpu');
  expect(await createMetrics({ processMetrics: true }).text()).toContain('process_cpu_seconds_total');
});

test('names that break the convention are refused', () => {
  const metrics = createMetrics();
  expect(() => metrics.counter({ name: 'tollgate_requests', help: '' })).toThrow('_total');
  expect(() => metrics.gauge({ name: 'requests_bytes', help: '' })).toThrow('tollgate_<service>');
});
