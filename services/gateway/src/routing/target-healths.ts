import type { Logger, Metrics } from '@tollgate/telemetry';
import type { Clock } from '../clock.ts';
import type { BreakerSettings } from './breaker.ts';
import { type HealthChange, TargetHealth, type Verdict } from './target-health.ts';

/** Numbers for a gauge: the greater the worse. */
const STATE_NUMBERS = { closed: 0, 'half-open': 1, open: 2 } as const;

const VERDICTS: readonly Verdict[] = ['success', 'failure', 'nothing'];

export interface TargetHealthsParts {
  readonly settings: BreakerSettings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** What a target is, as far as its health goes: with another address or model it is another one. */
export interface TargetIdentity {
  readonly id: string;
  readonly baseUrl: string;
  readonly model: string;
}

interface Known {
  readonly id: string;
  readonly health: TargetHealth;
  /** Of its verdicts, what the counter has been told. */
  readonly counted: Record<Verdict, number>;
}

/** The health of every target; kept while policies come and go. */
export class TargetHealths {
  readonly #parts: TargetHealthsParts;
  readonly #attempts;
  readonly #known = new Map<string, Known>();

  constructor(parts: TargetHealthsParts) {
    this.#parts = parts;
    const { metrics, clock } = parts;
    metrics.gauge({
      name: 'tollgate_gateway_target_breaker_state',
      help: 'The circuit breaker of each target: 0 closed, 1 half-open, 2 open.',
      labels: ['target'],
      collect: (gauge) => {
        gauge.reset();
        for (const { id: target, health } of this.#known.values())
          gauge.set({ target }, STATE_NUMBERS[health.state]);
        this.#count();
      },
    });
    this.#attempts = metrics.counter({
      name: 'tollgate_gateway_target_attempts_total',
      help: 'Attempts at each target, by what they said about its health.',
      labels: ['target', 'verdict'],
    });
    metrics.gauge({
      name: 'tollgate_gateway_target_wait_seconds',
      help: 'How long each target is still left alone, for its breaker or because it asked for it.',
      labels: ['target'],
      collect: (gauge) => {
        gauge.reset();
        const nowMs = clock.monotonic();
        for (const { id: target, health } of this.#known.values())
          gauge.set({ target }, health.waitMs(nowMs) / 1000);
      },
    });
  }

  /** The same object for the same target, whichever policy names it. */
  of({ id, baseUrl, model }: TargetIdentity): TargetHealth {
    const key = JSON.stringify([id, baseUrl, model]);
    const known = this.#known.get(key);
    if (known !== undefined) return known.health;
    const { settings, clock } = this.#parts;
    const health = new TargetHealth(settings, clock.monotonic(), (change) => this.#tell(id, change));
    this.#known.set(key, { id, health, counted: { success: 0, failure: 0, nothing: 0 } });
    return health;
  }

  /** Forgets all but these. */
  retain(healths: ReadonlySet<TargetHealth>): void {
    for (const [key, { health }] of this.#known) if (!healths.has(health)) this.#known.delete(key);
  }

  /** Brings the counter up to date, which is cheaper than counting there on the hot path. */
  #count(): void {
    for (const { id: target, health, counted } of this.#known.values()) {
      for (const verdict of VERDICTS) {
        this.#attempts.inc({ target, verdict }, health.verdicts[verdict] - counted[verdict]);
        counted[verdict] = health.verdicts[verdict];
      }
    }
  }

  #tell(target: string, change: HealthChange): void {
    const { log } = this.#parts;
    if ('restsForMs' in change) {
      const { restsForMs } = change;
      log.info({ target, rests_for_ms: restsForMs }, 'the target asked to be left alone for a while');
    } else if (change.state === 'open') {
      log.warn({ target, ...change }, 'the target fails too often: no calls go there for a while');
    } else {
      log.info({ target, ...change }, "the target's circuit breaker changed");
    }
  }
}
