import type { Durability } from '../spool/spool.ts';
import type { Target } from './target.ts';

/** A target of a route, and its share of the route's traffic as a part of the sum of all; 0: a fallback only. */
export interface Share {
  readonly target: Target;
  readonly weight: number;
}

export interface RouteParts {
  /** In the order in which they are fallbacks; at least one of them with a weight. */
  readonly shares: readonly Share[];
  /** Null: the strictest of its targets' own. */
  readonly durability: Durability | null;
  readonly defaultMaxOutputTokens: number | null;
}

/** A number from 0 up to, and without, 1. */
export type Random = () => number;

const STRICTNESS: readonly Durability[] = ['relaxed', 'disk', 'broker'];

/** Where requests for a model go. One object per loaded policy, never changed. */
export class Route {
  /** In the order in which they are fallbacks. */
  readonly targets: readonly Target[];
  /** How safe a request's events have to be before an upstream is called, whichever it is. */
  readonly durability: Durability;
  /** `max_tokens` set upstream where a request limits its answer by nothing; null: nothing is set. */
  readonly defaultMaxOutputTokens: number | null;
  readonly #first: Target;
  /** Targets with traffic, each with the sum of its weight and of those before it; empty where only one has any. */
  readonly #upTo: readonly (readonly [target: Target, sum: number])[];
  readonly #sum: number;
  readonly #random: Random;

  /** @param random drawn from once per request where more than one target gets traffic */
  constructor({ shares, durability, defaultMaxOutputTokens }: RouteParts, random: Random) {
    this.targets = shares.map(({ target }) => target);
    this.durability = durability ?? strictest(this.targets);
    this.defaultMaxOutputTokens = defaultMaxOutputTokens;
    const weighted = shares.filter(({ weight }) => weight > 0);
    const [first] = weighted;
    if (first === undefined) throw new TypeError('a route needs a target with a weight');
    this.#first = first.target;
    let sum = 0;
    const upTo = weighted.map(({ target, weight }) => {
      sum += weight;
      return [target, sum] as const;
    });
    this.#upTo = upTo.length === 1 ? [] : upTo;
    this.#sum = sum;
    this.#random = random;
  }

  /**
   * Where the next request goes: the target that the weights draw, or, where that one can't be asked just now, the
   * first in the route's order that can. Where none can, the drawn one, so that there is somebody to name.
   */
  choose(nowMs: number): Target {
    const drawn = this.#upTo.length === 0 ? this.#first : this.#draw();
    if (this.targets.length === 1) return drawn;
    if (drawn.health.available(nowMs)) return drawn;
    return this.targets.find(({ health }) => health.available(nowMs)) ?? drawn;
  }

  /** How long none of the targets may be asked yet, in milliseconds; 0 where one may be. */
  waitMs(nowMs: number): number {
    return Math.min(...this.targets.map(({ health }) => health.waitMs(nowMs)));
  }

  #draw(): Target {
    const at = this.#random() * this.#sum;
    return this.#upTo.find(([, sum]) => at < sum)?.[0] ?? this.#first;
  }
}

function strictest(targets: readonly Target[]): Durability {
  const levels = targets.map(({ durability }) => STRICTNESS.indexOf(durability));
  return STRICTNESS[Math.max(...levels)] ?? 'broker';
}
