import type { Catalog } from '../catalog.ts';
import type { CatalogueMode } from '../file/file-schema.ts';
import { seedCatalog } from '../file/load-catalog.ts';

const PER_QUANTITY = 1_000_000;

/** A list price as the price book can be offered it; it charges nothing until somebody imports it. */
export interface ListPrice {
  readonly provider: string;
  readonly model: string;
  readonly serving_mode: CatalogueMode;
  readonly region: null;
  readonly token_class: 'input' | 'output' | 'embedding';
  readonly amount: string;
  readonly per_quantity: number;
  readonly currency: string;
  readonly effective_from: string;
  readonly effective_to: string | null;
  readonly source: string;
}

/** The public list prices that come with the program: those proposed prices that say they are. */
export function listPrices(catalog: Catalog = seedCatalog()): ListPrice[] {
  return catalog.prices().flatMap((price): ListPrice[] => {
    if (!price.list_price) return [];
    const common = {
      provider: 'databricks',
      model: price.model,
      serving_mode: price.mode,
      region: null,
      per_quantity: PER_QUANTITY,
      currency: 'USD',
      effective_from: instantText(price.fromMs),
      effective_to: Number.isFinite(price.toMs) ? instantText(price.toMs) : null,
      source: price.source,
    };
    const embeds = catalog.model(price.model)?.task === 'embeddings';
    const classes = [
      [embeds ? 'embedding' : 'input', price.input],
      ['output', price.output],
    ] as const;
    return classes.flatMap(([token_class, amount]) =>
      amount === undefined ? [] : [{ ...common, token_class, amount }],
    );
  });
}

function instantText(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}
