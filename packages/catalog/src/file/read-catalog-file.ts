import { createHash } from 'node:crypto';
import {
  type LocatedDocument,
  PolicyConfigError,
  type Problems,
  parseYaml,
  readSection,
} from '@tollgate/policy/located-yaml';
import type { z } from 'zod';
import { CatalogError } from '../errors.ts';
import { type EpochMs, epochMs } from '../instant.ts';
import { checkGeographies, checkNames, checkPrice, checkRow, checkUnique } from './check-entries.ts';
import {
  type EndpointSection,
  endpointSchema,
  type ModelSection,
  modelSchema,
  type PriceSection,
  priceSchema,
  type RowSection,
  rowSchema,
  topLevelSchema,
} from './file-schema.ts';
import { type Placed, type Span, spans } from './spans.ts';

/** With its sources and its note in words. */
export type Sourced<T> = Omit<T, 'source' | 'note'> & { readonly source: string };

export type Model = Sourced<ModelSection>;
export type Row = Sourced<RowSection> & Span & { readonly deprecatedFromMs: EpochMs | null };
export type Price = Sourced<PriceSection> & Span;
export type Endpoint = Sourced<EndpointSection>;

/** What one file says. */
export interface CatalogLayer {
  readonly file: string;
  /** SHA-256 of its text, 64 hex digits. */
  readonly digest: string;
  /** Regions by geography. */
  readonly geographies: ReadonlyMap<string, readonly string[]>;
  readonly sources: ReadonlyMap<string, string>;
  readonly models: readonly Model[];
  readonly rows: readonly Row[];
  readonly prices: readonly Price[];
  readonly endpoints: readonly Endpoint[];
}

/**
 * Checks the text of a catalogue file.
 *
 * @param below what the file goes over, whose models and geographies it may name
 * @throws CatalogError `catalogue_invalid` with every problem and its place
 */
export function readCatalogLayer(text: string, file: string, below: readonly CatalogLayer[]): CatalogLayer {
  const document = parsed(text, file);
  const problems: Problems = [];
  const top = readSection(topLevelSchema, document.value ?? {}, [], document, problems);
  const list = <T extends z.ZodType>(name: 'models' | 'rows' | 'prices' | 'endpoints', schema: T) =>
    (top?.[name] ?? []).flatMap((entry, index): Placed<z.infer<T>>[] => {
      const path = [name, index];
      const section = readSection(schema, entry, path, document, problems);
      return section === undefined ? [] : [{ section, path }];
    });
  const geographies = new Map(Object.entries(top?.geographies ?? {}));
  const models = list('models', modelSchema);
  const rows = list('rows', rowSchema);
  const prices = list('prices', priceSchema);
  const endpoints = list('endpoints', endpointSchema);

  const place = { document, problems };
  checkGeographies(geographies, place);
  checkUnique(models, 'model', place);
  checkUnique(endpoints, 'endpoint', place);
  for (const row of rows) checkRow(row, place);
  for (const price of prices) checkPrice(price, place);
  const named = {
    models: new Set(
      [...below.flatMap((layer) => layer.models), ...models.map((entry) => entry.section)].map(
        ({ model }) => model,
      ),
    ),
    geographies: new Set([...below.flatMap((layer) => [...layer.geographies.keys()]), ...geographies.keys()]),
  };
  checkNames({ models, rows, prices, endpoints }, named, place);
  const sources = new Map([
    ...below.flatMap((layer) => [...layer.sources]),
    ...Object.entries(top?.sources ?? {}),
  ]);
  const layer: CatalogLayer = {
    file,
    digest: createHash('sha256').update(text).digest('hex'),
    geographies,
    sources,
    models: models.map(({ section }) => inWords(section, sources)),
    rows: spans(rows, rowKey, place).map((row) => ({
      ...inWords(row, sources),
      deprecatedFromMs: row.deprecated_from === undefined ? null : epochMs(row.deprecated_from),
    })),
    prices: spans(prices, priceKey, place).map((price) => inWords(price, sources)),
    endpoints: endpoints.map(({ section }) => inWords(section, sources)),
  };
  refuse(problems);
  return layer;
}

/** What a row is about; at any instant at most one row of a file is about it. */
export function rowKey({ model, mode, region }: Pick<RowSection, 'model' | 'mode' | 'region'>): string {
  return `${model}\n${mode}\n${region}`;
}

/** What a price is for. */
export function priceKey({ model, mode }: Pick<PriceSection, 'model' | 'mode'>): string {
  return `${model}\n${mode}`;
}

function inWords<T extends { readonly source: string | string[]; readonly note?: string | undefined }>(
  { source, note, ...section }: T,
  sources: ReadonlyMap<string, string>,
): Omit<T, 'source' | 'note'> & { readonly source: string } {
  const named = [source].flat().map((name) => sources.get(name) ?? name);
  return { ...section, source: [...named, ...(note === undefined ? [] : [note])].join('; ') };
}

function parsed(text: string, file: string): LocatedDocument {
  try {
    return parseYaml(text, file);
  } catch (error) {
    if (!(error instanceof PolicyConfigError)) throw error;
    throw new CatalogError('catalogue_invalid', error.message, error.problems);
  }
}

function refuse(problems: Problems): void {
  if (problems.length === 0) return;
  const ordered = problems.toSorted((one, other) => one.line - other.line || one.column - other.column);
  throw new CatalogError('catalogue_invalid', 'The catalogue file is not valid.', ordered);
}
