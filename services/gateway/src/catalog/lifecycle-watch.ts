import { policyWarnings, type RouteClearance } from '@tollgate/catalog';
import type { Logger, Metrics } from '@tollgate/telemetry';
import type { Clock } from '../clock.ts';
import type { Policy } from '../policy/policy.ts';

/** How often it is looked whether a day has begun, in milliseconds. */
const LOOK_INTERVAL_MS = 3_600_000;

const DAY_MS = 86_400_000;

export interface LifecycleWatchParts {
  /** The policy in force. */
  readonly policy: () => Policy;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/**
 * Tells what the catalogue has to say about the policy in force: in the log once a day for each model and target, and at once
 * where it changes, and in metrics at each scrape.
 */
export class LifecycleWatch {
  readonly #parts: LifecycleWatchParts;
  /** The day on which each thing was last told, by what it is. */
  #told = new Map<string, number>();
  #timer: NodeJS.Timeout | null = null;

  constructor(parts: LifecycleWatchParts) {
    this.#parts = parts;
    const { metrics, clock, policy } = parts;
    const clearances = () => policy().clearances(clock.now());
    metrics.gauge({
      name: 'tollgate_gateway_model_retires_in_seconds',
      help: 'Until the model of a target is retired or redirected, by the catalogue; negative once it is.',
      labels: ['model', 'target'],
      collect: (gauge) => {
        gauge.reset();
        for (const { model, target, retiresMs } of clearances().flatMap(endsOf)) {
          gauge.set({ model, target }, (retiresMs - clock.now()) / 1000);
        }
      },
    });
    metrics.gauge({
      name: 'tollgate_gateway_route_barred',
      help: 'Routes of which nothing may be called, by the rule against them.',
      labels: ['model', 'rule'],
      collect: (gauge) => {
        gauge.reset();
        for (const { route, refusal } of clearances()) {
          if (refusal !== null) gauge.set({ model: route.model, rule: refusal.rule }, 1);
        }
      },
    });
    metrics.gauge({
      name: 'tollgate_gateway_target_left_out',
      help: 'Targets that are never called, by the rule against them.',
      labels: ['model', 'target', 'rule'],
      collect: (gauge) => {
        gauge.reset();
        for (const { route, leftOut } of clearances()) {
          for (const { target, rule } of leftOut)
            gauge.set({ model: route.model, target: target.id, rule }, 1);
        }
      },
    });
  }

  /** Looks now, and from then on every hour. */
  start(): void {
    this.look();
    this.#timer = setInterval(() => this.look(), LOOK_INTERVAL_MS).unref();
  }

  /** Logs what has not been told today. */
  look(): void {
    const { policy, clock, log } = this.#parts;
    const nowMs = clock.now();
    const day = Math.floor(nowMs / DAY_MS);
    const told = new Map<string, number>();
    for (const { code, model, target, message } of policyWarnings(policy().clearances(nowMs))) {
      const key = JSON.stringify([code, model, target]);
      if (this.#told.get(key) !== day) log.warn({ code, model, target }, message);
      told.set(key, day);
    }
    this.#told = told;
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}

function endsOf({ route: { model }, cleared, leftOut }: RouteClearance) {
  const lifecycles = [
    ...cleared.map(({ target, assessment: { lifecycle } }) => ({ target, lifecycle })),
    ...leftOut,
  ];
  return lifecycles.flatMap(({ target, lifecycle: { retiresMs } }) =>
    retiresMs === null ? [] : [{ model, target: target.id, retiresMs }],
  );
}
