import type { Quantities, UsageOutcome } from '@tollgate/events';
import type { Finding } from '@tollgate/policy';
import type { Metrics } from '@tollgate/telemetry';
import { DurationHistogram } from './durations.ts';

/** What became of a call, as the metrics tell it apart. */
export type Fate = UsageOutcome | 'denied' | 'rejected' | 'unauthenticated' | 'refused';

/** What the gateway reads from elsewhere at a scrape. */
export interface Gauges {
  readonly inFlight: () => number;
  readonly connections: () => number;
  readonly directoryAgeSeconds: () => number;
}

/**
 * Counts on the hot path in plain fields; the registry is brought up to date at each scrape, because a labelled
 * counter of the registry costs a microsecond.
 */
export class Tallies {
  /** By fate, by endpoint. */
  readonly #calls = new Map<string, Map<Fate, number>>();
  readonly #seen = new Map<string, number>();
  readonly #metrics: Metrics;
  readonly #requests;
  readonly #tokens;
  readonly #durations = new DurationHistogram(
    'tollgate_gateway_call_duration_seconds',
    'From the arrival of an allowed request to the last byte of its answer.',
  );
  readonly #unrecorded;
  readonly #fallbacks;
  readonly #findings;
  inputTokens = 0;
  outputTokens = 0;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#requests = metrics.counter({
      name: 'tollgate_gateway_requests_total',
      help: 'Requests by endpoint and what became of them.',
      labels: ['endpoint', 'fate'],
    });
    this.#tokens = metrics.counter({
      name: 'tollgate_gateway_tokens_total',
      help: 'Tokens accounted for, by direction.',
      labels: ['direction'],
    });
    this.#fallbacks = metrics.counter({
      name: 'tollgate_gateway_fallbacks_total',
      help: 'Attempts that failed and that another target was asked after, by the target that failed.',
      labels: ['target'],
    });
    this.#findings = metrics.counter({
      name: 'tollgate_gateway_findings_total',
      help: 'Requests (phase input) and answers (phase output) in which a rule of a policy found something, by what it did.',
      labels: ['phase', 'policy', 'rule', 'action'],
    });
    this.#unrecorded = metrics.counter({
      name: 'tollgate_gateway_unrecorded_usage_total',
      help: 'Calls whose usage could not be stored; the next start of the gateway closes them as lost.',
    });
  }

  /** Adds what is only looked up when asked. */
  observe(gauges: Gauges): void {
    this.#metrics.gauge({
      name: 'tollgate_gateway_in_flight_requests',
      help: 'Calls in flight.',
      collect: (gauge) => gauge.set(gauges.inFlight()),
    });
    this.#metrics.gauge({
      name: 'tollgate_gateway_connections',
      help: 'Open connections of callers.',
      collect: (gauge) => gauge.set(gauges.connections()),
    });
    this.#metrics.gauge({
      name: 'tollgate_gateway_directory_age_seconds',
      help: 'Time since the directory was last heard of.',
      collect: (gauge) => gauge.set(gauges.directoryAgeSeconds()),
    });
  }

  ended(endpoint: string, fate: Fate): void {
    let fates = this.#calls.get(endpoint);
    if (fates === undefined) {
      fates = new Map();
      this.#calls.set(endpoint, fates);
    }
    fates.set(fate, (fates.get(fate) ?? 0) + 1);
  }

  used(quantities: Quantities, durationUs: number): void {
    this.inputTokens += quantities.input_tokens;
    this.outputTokens += quantities.output_tokens;
    this.#durations.observe(durationUs);
  }

  fellBack(target: string): void {
    this.#fallbacks.inc({ target });
  }

  /** What the policies found in one request or one answer; whoever calls it has looked that there is something. */
  found(phase: 'input' | 'output', findings: readonly Finding[]): void {
    for (const { policy, rule, action } of findings) this.#findings.inc({ phase, policy, rule, action });
  }

  unrecorded(): void {
    this.#unrecorded.inc();
  }

  /** The exposition text, up to date. */
  async text(): Promise<string> {
    for (const [endpoint, fates] of this.#calls) {
      for (const [fate, count] of fates) {
        this.#requests.inc({ endpoint, fate }, this.#increase(`${endpoint} ${fate}`, count));
      }
    }
    this.#tokens.inc({ direction: 'input' }, this.#increase('input tokens', this.inputTokens));
    this.#tokens.inc({ direction: 'output' }, this.#increase('output tokens', this.outputTokens));
    return `${await this.#metrics.text()}\n${this.#durations.text()}`;
  }

  #increase(key: string, count: number): number {
    const seen = this.#seen.get(key) ?? 0;
    this.#seen.set(key, count);
    return count - seen;
  }
}
