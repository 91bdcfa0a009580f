import type { PolicyConfig, Target } from '@tollgate/policy';
import type { Catalog } from '../catalog.ts';
import type { CatalogueMode } from '../file/file-schema.ts';
import { type Alternative, nearestAlternative, type Offer } from '../queries/nearest-alternative.ts';
import type { Question } from '../queries/question.ts';

/** More offers of a file than are looked through for an alternative. */
const MAX_OFFERS = 512;

/**
 * What may be called instead, by what the routes of a file offer. Made for one judgement: routes that ask the same get the same
 * advice, which is looked for once.
 */
export class RouteAdvice {
  readonly #catalog: Catalog;
  readonly #offers: readonly Offer[];
  readonly #given = new Map<string, Alternative | null>();

  constructor(config: PolicyConfig, catalog: Catalog) {
    this.#catalog = catalog;
    this.#offers = offersOf(config);
  }

  /** The nearest that is permitted; `null` where nothing is. */
  instead(question: Question): Alternative | null {
    const key = JSON.stringify(question);
    let alternative = this.#given.get(key);
    if (alternative === undefined) {
      alternative = nearestAlternative(this.#catalog, question, this.#offers);
      this.#given.set(key, alternative);
    }
    return alternative;
  }
}

/** Databricks' rules for its own capacity say nothing of other upstreams, which its targets are unless told otherwise. */
export function modeOf({ provider, servingMode }: Target): CatalogueMode {
  return provider.kind === 'openai-compatible' && servingMode === 'pay-per-token' ? 'external' : servingMode;
}

/** Whether a route's feature flag keeps it from being served. */
export function isOff(
  { featureFlags }: PolicyConfig,
  { featureFlag }: PolicyConfig['routes'][number],
): boolean {
  return featureFlag !== null && featureFlags.get(featureFlag) !== true;
}

/** What the routes serve, each model, mode and region once, under the name of the first route that has it. */
function offersOf(config: PolicyConfig): Offer[] {
  const offers = new Map<string, Offer>();
  for (const route of config.routes) {
    if (isOff(config, route)) continue;
    for (const { target } of route.targets) {
      const { model } = target.provider;
      const { region } = target;
      const mode = modeOf(target);
      const key = JSON.stringify([model, mode, region]);
      if (offers.size < MAX_OFFERS && !offers.has(key)) {
        offers.set(key, { model, mode, region, offeredAs: route.model });
      }
    }
  }
  return [...offers.values()];
}
