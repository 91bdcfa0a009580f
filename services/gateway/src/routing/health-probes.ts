import type { Stoppable } from '@tollgate/http';
import type { Logger, Metrics } from '@tollgate/telemetry';
import type { Clock } from '../clock.ts';
import { probe, type Sight } from './probe.ts';
import type { Random } from './route.ts';
import type { Target } from './target.ts';

/** The first look at a target comes after at most so long, in milliseconds. */
const FIRST_PROBE_MS = 1000;

/** A target that can't be reached by so many probes in a row is unhealthy; one alone may be bad luck. */
const PROBES_DOWN = 2;

/** Intervals differ by up to this part, so that gateways don't probe in step. */
const JITTER = 0.25;

export interface ProbeSettings {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface HealthProbesParts {
  readonly settings: ProbeSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
}

interface Probed {
  target: Target;
  readonly timer: { current: NodeJS.Timeout | null };
  /** In a row. */
  down: number;
  sight: Sight | null;
}

/**
 * Looks regularly at the targets that ask for it (`health_probe`), by what they say of themselves and never by a call
 * that is billed. An unhealthy target's breaker is held open until a probe finds it well again; then a call may try.
 */
export class HealthProbes implements Stoppable {
  readonly #parts: HealthProbesParts;
  readonly #probed = new Map<string, Probed>();
  readonly #running = new Set<Promise<void>>();
  readonly #sights;
  #stopped = false;

  constructor(parts: HealthProbesParts) {
    this.#parts = parts;
    this.#sights = parts.metrics.counter({
      name: 'tollgate_gateway_target_probes_total',
      help: 'Health probes of each target by what they saw.',
      labels: ['target', 'sight'],
    });
  }

  /** From now on, these targets are looked at, as far as they ask for it, and no others. */
  follow(targets: readonly Target[]): void {
    const wanted = new Map(
      targets.flatMap((target) => (target.probePath === null ? [] : [[target.id, target]])),
    );
    for (const [id, { timer }] of this.#probed) {
      if (wanted.has(id)) continue;
      if (timer.current !== null) clearTimeout(timer.current);
      this.#probed.delete(id);
    }
    for (const [id, target] of wanted) {
      const known = this.#probed.get(id);
      if (known !== undefined) known.target = target;
      else this.#begin(target);
    }
  }

  /** Lets the probes on their way end, which have a deadline. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.follow([]);
    await Promise.all(this.#running);
  }

  #begin(target: Target): void {
    const probed: Probed = { target, timer: { current: null }, down: 0, sight: null };
    this.#probed.set(target.id, probed);
    this.#schedule(probed, this.#parts.random() * Math.min(FIRST_PROBE_MS, this.#parts.settings.intervalMs));
  }

  #schedule(probed: Probed, afterMs: number): void {
    probed.timer.current = setTimeout(() => {
      const running = this.#look(probed).finally(() => this.#running.delete(running));
      this.#running.add(running);
    }, afterMs).unref();
  }

  async #look(probed: Probed): Promise<void> {
    const { settings, random } = this.#parts;
    const { target } = probed;
    if (target.probePath !== null) {
      this.#saw(probed, target, await probe(target.upstream, target.probePath, settings.timeoutMs));
    }
    if (this.#stopped || this.#probed.get(target.id) !== probed) return;
    this.#schedule(probed, settings.intervalMs * (1 + JITTER * (2 * random() - 1)));
  }

  #saw(probed: Probed, target: Target, sight: Sight): void {
    const { clock, settings, log } = this.#parts;
    this.#sights.inc({ target: target.id, sight });
    probed.down = sight === 'down' ? probed.down + 1 : 0;
    if (sight !== (probed.sight ?? 'healthy')) {
      log.info({ target: target.id, sight }, 'the health probe of a target sees something else than before');
    }
    probed.sight = sight;
    if (sight === 'unknown' || (sight === 'down' && probed.down < PROBES_DOWN)) return;
    // Until the probe after the next has looked.
    const holdMs = 2 * (settings.intervalMs * (1 + JITTER) + settings.timeoutMs);
    target.health.probed(sight === 'healthy', holdMs, clock.monotonic());
  }
}
