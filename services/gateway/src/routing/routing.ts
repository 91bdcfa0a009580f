import type { Stoppable } from '@tollgate/http';
import type { Logger, Metrics } from '@tollgate/telemetry';
import type { Clock } from '../clock.ts';
import type { BreakerSettings } from './breaker.ts';
import { HealthProbes, type ProbeSettings } from './health-probes.ts';
import type { Random } from './route.ts';
import type { Target } from './target.ts';
import { TargetHealths } from './target-healths.ts';

export interface RoutingParts {
  readonly breaker: BreakerSettings;
  readonly probes: ProbeSettings;
  /** For weights and intervals. */
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** What outlives the policies that name targets: how those are, and the probes that look at them. */
export class Routing implements Stoppable {
  readonly healths: TargetHealths;
  readonly random: Random;
  readonly #probes: HealthProbes;

  constructor({ breaker, probes, ...parts }: RoutingParts) {
    this.healths = new TargetHealths({ settings: breaker, ...parts });
    this.random = parts.random;
    this.#probes = new HealthProbes({ settings: probes, ...parts });
  }

  /** A policy with these targets has come into force. */
  inForce(targets: readonly Target[]): void {
    this.healths.retain(new Set(targets.map(({ health }) => health)));
    this.#probes.follow(targets);
  }

  async stop(): Promise<void> {
    await this.#probes.stop();
  }
}
