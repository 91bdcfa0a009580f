import type { Catalog } from '../catalog.ts';
import type { CatalogueMode } from '../file/file-schema.ts';
import { assess } from './assess.ts';
import { lifecycleOf } from './lifecycle.ts';
import { type Question, subjectOf } from './question.ts';

/** Something that could be called. */
export interface Offer {
  readonly model: string;
  readonly mode: CatalogueMode;
  readonly region: string | null;
  /** The name that requests give for it, where it is at hand; `null`: it would have to be set up. */
  readonly offeredAs: string | null;
}

/** What could be called instead. */
export type Alternative = Offer;

/**
 * The permitted offer that is nearest to what was asked for: the same model in another mode before its replacement, that
 * before one of the same maker, before others; the same mode before another. Of equals the one listed first. What is at
 * hand comes before what is not; previews and what is on its way out are never advised.
 */
export function nearestAlternative(
  catalog: Catalog,
  question: Question,
  atHand: readonly Offer[] = [],
): Alternative | null {
  return (
    nearestOf(catalog, question, atHand) ?? nearestOf(catalog, question, catalogueOffers(catalog, question))
  );
}

/** `databricks-x on provisioned-throughput in eastus, offered here as "x"`. */
export function describeAlternative({ model, mode, region, offeredAs }: Alternative): string {
  const where = region === null ? '' : ` in ${region}`;
  return `${model} on ${mode}${where}${offeredAs === null ? '' : `, offered here as "${offeredAs}"`}`;
}

function nearestOf(catalog: Catalog, question: Question, offers: readonly Offer[]): Alternative | null {
  const asked = subjectOf(catalog, question);
  const task = catalog.model(asked.model)?.task ?? 'chat';
  let nearest: Alternative | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const offer of offers) {
    const known = catalog.model(subjectOf(catalog, offer).model);
    if (known === null || known.task !== task) continue;
    if (offer.model === question.model && offer.mode === question.mode && offer.region === question.region)
      continue;
    const { status, notice } = lifecycleOf(catalog, subjectOf(catalog, offer), question.at);
    if (notice || status === 'preview' || status === 'unavailable') continue;
    const distance = distanceBetween(catalog, question, offer) + (status === 'GA' ? 0 : 1);
    if (distance >= least || assess(catalog, { ...question, ...offer }).breaches.length > 0) continue;
    nearest = offer;
    least = distance;
  }
  return nearest;
}

/** Each term outweighs all that follow it. */
function distanceBetween(catalog: Catalog, question: Question, offer: Offer): number {
  const one = catalog.model(subjectOf(catalog, question).model);
  const other = catalog.model(subjectOf(catalog, offer).model);
  const same = one !== null && one.model === other?.model;
  const replaces = one?.replacement !== undefined && one.replacement === other?.model;
  const maker = one !== null && one.family.split(' ', 1)[0] === other?.family.split(' ', 1)[0];
  const model = same ? 0 : replaces ? 1 : maker ? 2 : 3;
  return model * 8 + Number(offer.mode !== question.mode) * 4 + Number(offer.region !== question.region) * 2;
}

/** Every model of the catalogue in each mode that it is known in, where the call has to be. */
function catalogueOffers(catalog: Catalog, { region, within = null }: Question): Offer[] {
  const regions = new Set([region, ...(within === null ? [] : [within])]);
  return [...catalog.models].flatMap(({ model }) =>
    [...catalog.modesOf(model)].flatMap((mode) =>
      [...regions].map((place) => ({ model, mode, region: place, offeredAs: null })),
    ),
  );
}
