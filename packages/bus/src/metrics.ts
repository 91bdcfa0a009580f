import type { Counter, Gauge, Histogram, Metrics } from '@tollgate/telemetry';

export type BusMetrics = {
  readonly published: Counter<'topic'>;
  readonly publishFailures: Counter<'topic'>;
  readonly publishSeconds: Histogram<'topic'>;
  readonly consumed: Counter<'group' | 'topic'>;
  readonly consumeFailures: Counter<'group' | 'topic'>;
  readonly batchSeconds: Histogram<'group' | 'topic'>;
  readonly deadLetters: Counter<'group' | 'topic'>;
  readonly lag: Gauge<'group' | 'topic'>;
};

const SECONDS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

/** Registers what the bus counts; once per registry. */
export function busMetrics(metrics: Metrics): BusMetrics {
  return {
    published: metrics.counter({
      name: 'tollgate_bus_published_messages_total',
      help: 'Messages that the broker has acknowledged.',
      labels: ['topic'],
    }),
    publishFailures: metrics.counter({
      name: 'tollgate_bus_publish_failures_total',
      help: 'Sends that the broker has not acknowledged; their messages are sent again.',
      labels: ['topic'],
    }),
    publishSeconds: metrics.histogram({
      name: 'tollgate_bus_publish_seconds',
      help: 'Time from a send to its acknowledgement.',
      labels: ['topic'],
      buckets: SECONDS,
    }),
    consumed: metrics.counter({
      name: 'tollgate_bus_consumed_messages_total',
      help: 'Messages whose effects are committed.',
      labels: ['group', 'topic'],
    }),
    consumeFailures: metrics.counter({
      name: 'tollgate_bus_consume_failures_total',
      help: 'Batches that failed and are tried again.',
      labels: ['group', 'topic'],
    }),
    batchSeconds: metrics.histogram({
      name: 'tollgate_bus_batch_seconds',
      help: 'Time of one batch: transaction, effects and commit.',
      labels: ['group', 'topic'],
      buckets: SECONDS,
    }),
    deadLetters: metrics.counter({
      name: 'tollgate_bus_dead_letters_total',
      help: 'Messages that could not be read and were put aside.',
      labels: ['group', 'topic'],
    }),
    lag: metrics.gauge({
      name: 'tollgate_bus_lag_messages',
      help: 'Messages in the partitions read by this process that are not committed yet.',
      labels: ['group', 'topic'],
    }),
  };
}
