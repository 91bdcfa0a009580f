import { isInfrastructureError, type Pool } from '@tollgate/database';
import type { Metrics } from '@tollgate/telemetry';
import { countUnpriced } from './charges/unpriced-query.ts';
import type { ChargedBatch } from './charging/charge-usage.ts';

export interface ChargebackMetrics {
  /** To be called with what a batch came to, and when its newest message was published (ms since 1970). */
  readonly onCharged: (batch: ChargedBatch, publishedMs: number) => void;
}

/** What the service shows of itself; the unpriced are looked up when they are scraped. */
export function chargebackMetrics(
  metrics: Metrics,
  parts: { readonly pool: Pool; readonly now: () => number },
): ChargebackMetrics {
  const events = metrics.counter({
    name: 'tollgate_chargeback_usage_events_total',
    help: 'Usage events handled: new ones are charged, repeated ones change nothing.',
    labels: ['result'],
  });
  const charges = metrics.counter({
    name: 'tollgate_chargeback_charges_total',
    help: 'Charges made, by status. Unpriced ones wait for a price: an alarm.',
    labels: ['status'],
  });
  const lag = metrics.gauge({
    name: 'tollgate_chargeback_lag_seconds',
    help: 'Age of the newest usage event of the last batch when it was charged.',
  });
  const assumed = metrics.counter({
    name: 'tollgate_chargeback_time_zone_assumed_total',
    help: 'Usage events put into a month of UTC, since the directory did not tell the time zone.',
  });
  metrics.gauge({
    name: 'tollgate_chargeback_unpriced_charges',
    help: 'Charges without a price.',
    collect: async (gauge) => {
      try {
        gauge.set(await countUnpriced(parts.pool));
      } catch (error) {
        // A scrape shows the rest while the database is away.
        if (!isInfrastructureError(error)) throw error;
      }
    },
  });
  return {
    onCharged(batch, publishedMs) {
      events.inc({ result: 'new' }, batch.fresh.length);
      events.inc({ result: 'repeated' }, batch.events - batch.fresh.length);
      for (const usage of batch.fresh) {
        if (usage.timeZoneAssumed) assumed.inc();
        for (const line of usage.lines) charges.inc({ status: line.status });
      }
      lag.set(Math.max(0, parts.now() - publishedMs) / 1000);
    },
  };
}
