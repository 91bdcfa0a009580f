import { type Catalog, clearRoutes, type RouteClearance } from '@tollgate/catalog';
import type { PolicyConfig } from '@tollgate/policy';

interface Judged<Made> {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly clearances: readonly RouteClearance[];
  readonly byModel: ReadonlyMap<string, Made>;
}

/**
 * What the catalogue makes of each route, kept until a date of it passes: one look-up and two comparisons per request.
 * Judged anew, in some milliseconds, when the clock reaches the next date, or is set back to before the last judgement.
 */
export class Clearances<Made> {
  readonly #config: PolicyConfig;
  readonly #catalog: Catalog;
  readonly #make: (clearance: RouteClearance) => Made | null;
  #judged: Judged<Made> | null = null;

  /** @param make what is kept of a route's clearance; null: nothing */
  constructor(config: PolicyConfig, catalog: Catalog, make: (clearance: RouteClearance) => Made | null) {
    this.#config = config;
    this.#catalog = catalog;
    this.#make = make;
  }

  /** Of the route that serves a model, at `nowMs` since the epoch; null where nothing serves it. */
  of(model: string, nowMs: number): Made | null {
    return this.#at(nowMs).byModel.get(model) ?? null;
  }

  /** Of every route. */
  all(nowMs: number): readonly RouteClearance[] {
    return this.#at(nowMs).clearances;
  }

  #at(nowMs: number): Judged<Made> {
    const judged = this.#judged;
    if (judged !== null && nowMs < judged.untilMs && nowMs >= judged.fromMs) return judged;
    const anew = this.#judge(nowMs);
    this.#judged = anew;
    return anew;
  }

  #judge(nowMs: number): Judged<Made> {
    const clearances = clearRoutes(this.#config, this.#catalog, nowMs);
    const byModel = new Map<string, Made>();
    for (const clearance of clearances) {
      const made = this.#make(clearance);
      if (made !== null) byModel.set(clearance.route.model, made);
    }
    return { fromMs: nowMs, untilMs: this.#catalog.nextChange(nowMs), clearances, byModel };
  }
}
