import { type Catalog, clearRoutes, type RouteClearance } from '@tollgate/catalog';
import type { PolicyConfig } from '@tollgate/policy';

/**
 * What the catalogue makes of each route, kept until a date of it passes: one look-up and two comparisons per request.
 * Judged anew, in some milliseconds, when the clock reaches the next date, or is set back before the last judgement.
 */
export class Clearances<Judged> {
  readonly #config: PolicyConfig;
  readonly #catalog: Catalog;
  readonly #made: (clearance: RouteClearance) => Judged;
  readonly #renewed: (clearances: readonly RouteClearance[], nowMs: number) => void;
  #byModel: ReadonlyMap<string, Judged> = new Map();
  #fromMs = Number.POSITIVE_INFINITY;
  #untilMs = Number.NEGATIVE_INFINITY;

  /**
   * @param made what is kept of a route's clearance
   * @param renewed told of each judgement, the first included
   */
  constructor(
    config: PolicyConfig,
    catalog: Catalog,
    made: (clearance: RouteClearance) => Judged,
    renewed: (clearances: readonly RouteClearance[], nowMs: number) => void,
  ) {
    this.#config = config;
    this.#catalog = catalog;
    this.#made = made;
    this.#renewed = renewed;
  }

  /** Of the route that serves a model, at `nowMs` since the epoch; null where nothing serves it. */
  of(model: string, nowMs: number): Judged | null {
    return this.#at(nowMs).get(model) ?? null;
  }

  /** Of every route, by model. */
  #at(nowMs: number): ReadonlyMap<string, Judged> {
    if (nowMs >= this.#untilMs || nowMs < this.#fromMs) this.#judge(nowMs);
    return this.#byModel;
  }

  #judge(nowMs: number): void {
    const clearances = clearRoutes(this.#config, this.#catalog, nowMs);
    this.#byModel = new Map(clearances.map((clearance) => [clearance.route.model, this.#made(clearance)]));
    this.#fromMs = nowMs;
    this.#untilMs = this.#catalog.nextChange(nowMs);
    this.#renewed(clearances, nowMs);
  }
}
