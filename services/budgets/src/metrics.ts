import { isInfrastructureError, type Pool } from '@tollgate/database';
import { formatUnits, UNITS, type Unit } from '@tollgate/limits';
import type { Gauge, Metrics } from '@tollgate/telemetry';
import type { ConfirmedBatch } from './confirming/confirm-usage.ts';
import type { Decision } from './leases/decide.ts';
import type { Reconciled } from './leases/reconcile.ts';

export interface BudgetsMetrics {
  readonly onDecided: (decision: Decision) => void;
  /** To be called with what a batch came to, and when its newest message was published (ms since 1970). */
  readonly onConfirmed: (batch: ConfirmedBatch, publishedMs: number) => void;
  readonly onReconciled: (done: Reconciled) => void;
  readonly onUnverified: (words: number) => void;
}

/** Of windows that have not ended. */
const OVERSHOOT = `
  SELECT l.unit, sum(w.overshoot) AS total FROM budget_window AS w JOIN budget_limit AS l USING (limit_id)
  WHERE w.ends_at > $1::timestamptz AND w.overshoot > 0 GROUP BY l.unit`;
/** Held by leases that nobody draws on any more, and nobody has accounted for yet. */
const STRANDED = `
  SELECT b.unit, sum(greatest(0, l.held - greatest(l.settled, l.confirmed))) AS total
  FROM lease AS l JOIN budget_limit AS b USING (limit_id)
  WHERE l.state = 'open' AND l.expires_at < $1::timestamptz GROUP BY b.unit`;

/** What the service shows of itself; overshoot and stranded quota are looked up when they are scraped. */
export function budgetsMetrics(
  metrics: Metrics,
  parts: { readonly pool: Pool; readonly now: () => number },
): BudgetsMetrics {
  const wants = metrics.counter({
    name: 'tollgate_budgets_wants_total',
    help: 'Leases wanted by gateways, by what became of it.',
    labels: ['result'],
  });
  const reports = metrics.counter({
    name: 'tollgate_budgets_reports_total',
    help: 'Reports on leases, by the state of the lease afterwards.',
    labels: ['state'],
  });
  const events = metrics.counter({
    name: 'tollgate_budgets_usage_events_total',
    help: 'Usage events handled: new ones are counted, repeated ones change nothing.',
    labels: ['result'],
  });
  const uncounted = metrics.counter({
    name: 'tollgate_budgets_uncounted_usage_total',
    help: 'Times that a limit of money could not count a usage event: no price, or another currency. An alarm.',
  });
  const reconciled = metrics.counter({
    name: 'tollgate_budgets_reconciled_leases_total',
    help: 'Leases whose usage events have all been counted.',
  });
  const unverified = metrics.counter({
    name: 'tollgate_budgets_unverified_source_words_total',
    help: 'Heartbeats and stops of gateways that nobody could verify; nothing follows from them.',
  });
  const lag = metrics.gauge({
    name: 'tollgate_budgets_lag_seconds',
    help: 'Age of the newest usage event of the last batch when it was counted.',
  });
  const lookUp = (sql: string) => async (gauge: Gauge<'unit'>) => {
    try {
      const { rows } = await parts.pool.query<{ unit: Unit; total: string }>(sql, [
        new Date(parts.now()).toISOString(),
      ]);
      for (const unit of UNITS) gauge.set({ unit }, 0);
      for (const { unit, total } of rows) gauge.set({ unit }, Number(formatUnits(unit, BigInt(total))));
    } catch (error) {
      // A scrape shows the rest while the database is away.
      if (!isInfrastructureError(error)) throw error;
    }
  };
  metrics.gauge({
    name: 'tollgate_budgets_overshoot',
    help: 'Used beyond what leases held, in windows that have not ended, in the unit of the label.',
    labels: ['unit'],
    collect: lookUp(OVERSHOOT),
  });
  metrics.gauge({
    name: 'tollgate_budgets_stranded',
    help: 'Held by expired leases and not known to be used, in the unit of the label.',
    labels: ['unit'],
    collect: lookUp(STRANDED),
  });
  return {
    onDecided({ answer }) {
      wants.inc({ result: 'granted' }, answer.leases.length);
      for (const { code } of answer.refused) wants.inc({ result: code });
      for (const { state } of answer.reported) reports.inc({ state });
    },
    onConfirmed(batch, publishedMs) {
      events.inc({ result: 'new' }, batch.fresh);
      events.inc({ result: 'repeated' }, batch.events - batch.fresh);
      uncounted.inc(batch.uncounted);
      lag.set(Math.max(0, parts.now() - publishedMs) / 1000);
    },
    onReconciled: (done) => reconciled.inc(done.leases.length),
    onUnverified: (words) => unverified.inc(words),
  };
}
