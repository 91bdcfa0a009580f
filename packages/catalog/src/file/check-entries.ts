import { nearestName } from '@tollgate/policy/located-yaml';
import {
  ANY,
  type EndpointSection,
  GEOGRAPHY_PREFIX,
  type ModelSection,
  type PriceSection,
  type RowSection,
} from './file-schema.ts';
import type { Place, Placed } from './spans.ts';

/** A region is in one geography. */
export function checkGeographies(
  geographies: ReadonlyMap<string, readonly string[]>,
  { document, problems }: Place,
): void {
  const seen = new Map<string, string>();
  for (const [geography, regions] of geographies) {
    for (const [index, region] of regions.entries()) {
      const other = seen.get(region);
      if (other === undefined) seen.set(region, geography);
      else {
        const message = `"${region}" stands under "${other}" already: a region is in one geography.`;
        problems.push(document.problem('duplicate', ['geographies', geography, index], message));
      }
    }
  }
}

/** Each name has one entry. */
export function checkUnique<Field extends string>(
  entries: readonly Placed<Readonly<Record<Field, string>>>[],
  field: Field,
  { document, problems }: Place,
): void {
  const seen = new Set<string>();
  for (const { section, path } of entries) {
    const name = section[field];
    if (seen.has(name)) {
      const message = `"${name}" has an entry already: put what they say into one.`;
      problems.push(document.problem('duplicate', [...path, field], message));
    }
    seen.add(name);
  }
}

/** What the fields of a row mean together. */
export function checkRow({ section: row, path }: Placed<RowSection>, { document, problems }: Place): void {
  const contradiction = (field: string, message: string) =>
    problems.push(document.problem('contradiction', [...path, field], message));
  if (row.redirect_to !== undefined && row.status !== 'redirected') {
    contradiction(
      'redirect_to',
      'Only what has status: redirected leads elsewhere: give it that, or remove this.',
    );
  }
  if (row.redirect_to === row.model) contradiction('redirect_to', 'A model can not be redirected to itself.');
  if (row.model === ANY && row.status !== undefined) {
    contradiction('status', 'A status is that of one model: name it, or remove this.');
  }
}

/** What the fields of a price mean together. */
export function checkPrice(
  { section: price, path }: Placed<PriceSection>,
  { document, problems }: Place,
): void {
  if (price.unit === 'DBU' && price.usd_per_dbu === undefined) {
    const message = 'A price in DBU needs usd_per_dbu beside it.';
    problems.push(document.problem('missing-field', [...path, 'usd_per_dbu'], message));
  }
  if (price.list_price && price.unit === 'DBU') {
    const message = 'The price book takes list prices in money: give it in USD, or remove this.';
    problems.push(document.problem('contradiction', [...path, 'list_price'], message));
  }
  if (price.list_price && price.effective_from === undefined) {
    const message = 'The price book asks from when a list price holds.';
    problems.push(document.problem('missing-field', [...path, 'effective_from'], message));
  }
}

interface Entries {
  readonly models: readonly Placed<ModelSection>[];
  readonly rows: readonly Placed<RowSection>[];
  readonly prices: readonly Placed<PriceSection>[];
  readonly endpoints: readonly Placed<EndpointSection>[];
}

/** Names that lead nowhere, with what was probably meant. */
export function checkNames(
  entries: Entries,
  known: { readonly models: ReadonlySet<string>; readonly geographies: ReadonlySet<string> },
  { document, problems }: Place,
): void {
  const check = (
    name: string | undefined,
    names: ReadonlySet<string>,
    path: Placed<unknown>['path'],
    where: string,
  ) => {
    if (name === undefined || name === ANY || names.has(name)) return;
    const meant = nearestName(name, names);
    const advice =
      meant === null ? `add it under ${where}.` : `did you mean "${meant}"? Else add it under ${where}.`;
    problems.push(document.problem('contradiction', path, `"${name}" is not known: ${advice}`));
  };
  for (const { section, path } of entries.models) {
    check(section.replacement, known.models, [...path, 'replacement'], 'models');
  }
  for (const { section, path } of entries.rows) {
    check(section.model, known.models, [...path, 'model'], 'models');
    check(section.redirect_to, known.models, [...path, 'redirect_to'], 'models');
    if (section.region.startsWith(GEOGRAPHY_PREFIX)) {
      const geography = section.region.slice(GEOGRAPHY_PREFIX.length);
      check(geography, known.geographies, [...path, 'region'], 'geographies');
    }
  }
  for (const { section, path } of entries.prices)
    check(section.model, known.models, [...path, 'model'], 'models');
  for (const { section, path } of entries.endpoints)
    check(section.model, known.models, [...path, 'model'], 'models');
}
