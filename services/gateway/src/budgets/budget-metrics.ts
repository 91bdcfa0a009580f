import type { Metrics } from '@tollgate/telemetry';

/** What became of requests that limits apply to, and of the calls to the budgets service. */
export class BudgetTallies {
  readonly #denied;
  readonly #waited;
  readonly #calls;
  readonly #overshoot;
  readonly #unpriced;
  readonly #metrics: Metrics;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#denied = metrics.counter({
      name: 'tollgate_gateway_budget_denied_total',
      help: 'Requests that a limit, or the lack of the budgets service, kept out.',
      labels: ['code'],
    });
    this.#waited = metrics.counter({
      name: 'tollgate_gateway_budget_waited_total',
      help: 'Requests that had to wait for a lease.',
    });
    this.#calls = metrics.counter({
      name: 'tollgate_gateway_budget_lease_calls_total',
      help: 'Calls for leases to the budgets service.',
      labels: ['outcome'],
    });
    this.#overshoot = metrics.counter({
      name: 'tollgate_gateway_budget_overshoot_total',
      help: 'What requests used beyond what was reserved for them, by unit; for strict limits it stays 0.',
      labels: ['unit', 'strict'],
    });
    this.#unpriced = metrics.counter({
      name: 'tollgate_gateway_budget_unpriced_total',
      help: 'Requests under a limit of money that were counted as nothing, because their model has no price.',
    });
  }

  observe(gauges: { readonly waiting: () => number; readonly available: () => boolean }): void {
    this.#metrics.gauge({
      name: 'tollgate_gateway_budget_waiting_requests',
      help: 'Requests that wait for a lease.',
      collect: (gauge) => gauge.set(gauges.waiting()),
    });
    this.#metrics.gauge({
      name: 'tollgate_gateway_budgets_available',
      help: 'Whether limits can be enforced: they are known and the budgets service answers.',
      collect: (gauge) => gauge.set(gauges.available() ? 1 : 0),
    });
  }

  denied(code: string): void {
    this.#denied.inc({ code });
  }

  waited(): void {
    this.#waited.inc();
  }

  called(outcome: 'answered' | 'failed'): void {
    this.#calls.inc({ outcome });
  }

  overshot(unit: string, strict: boolean, amount: number): void {
    this.#overshoot.inc({ unit, strict: String(strict) }, amount);
  }

  unpriced(): void {
    this.#unpriced.inc();
  }
}
