import type { Histogram, Metrics } from '@tollgate/telemetry';
import type { SourceStats } from './source-stats.ts';

const SYNC_BUCKETS_SECONDS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5];

/** What a dashboard sees of the spool. */
export class SpoolMetrics {
  readonly #metrics: Metrics;
  readonly #sync: Histogram;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#sync = metrics.histogram({
      name: 'tollgate_gateway_spool_sync_seconds',
      help: 'Time of one sync of the spool; their count is the number of commits.',
      buckets: SYNC_BUCKETS_SECONDS,
    });
  }

  synced(tookMs: number): void {
    this.#sync.observe(tookMs / 1000);
  }

  /** Registers the gauges; each scrape reads the figures once per gauge, which costs microseconds. */
  watch(stats: () => SourceStats): void {
    const gauge = (name: string, help: string, value: (stats: SourceStats) => number): void => {
      this.#metrics.gauge({ name, help, collect: (it) => it.set(value(stats())) });
    };
    gauge('tollgate_gateway_spool_used_bytes', 'Bytes of all spool files.', (s) => s.usedBytes);
    gauge(
      'tollgate_gateway_spool_unacknowledged_bytes',
      'Bytes on the spool that the broker has not acknowledged.',
      (s) => s.unacknowledgedBytes,
    );
    gauge(
      'tollgate_gateway_spool_unacknowledged_events',
      'Events on the spool that the broker has not acknowledged.',
      (s) => s.unacknowledgedEvents,
    );
    gauge(
      'tollgate_gateway_spool_oldest_unacknowledged_seconds',
      'Age of the oldest event that the broker has not acknowledged.',
      (s) => s.oldestUnacknowledgedMs / 1000,
    );
    gauge(
      'tollgate_gateway_spool_open_requests',
      'Requests whose last event is still to come.',
      (s) => s.openHolds,
    );
    gauge(
      'tollgate_gateway_spool_resent_events',
      'Events sent again because the audit service missed them, since the start.',
      (s) => s.resentEvents,
    );
  }
}
