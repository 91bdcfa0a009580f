import { COMPLIANCE_STANDARDS } from '@tollgate/policy/located-yaml';
import type { Catalog, Subject } from '../catalog.ts';
import type { CatalogueMode, CrossGeographyNeed, StandardSupport } from '../file/file-schema.ts';
import { dayText, type EpochMs } from '../instant.ts';
import { lifecycleOf } from './lifecycle.ts';
import { type ProposedPrice, proposedPrice } from './proposed-price.ts';

/** Everything that the catalogue says of a model in a mode and region, as commands show it; `null`: it does not say. */
export interface CatalogEntry {
  readonly model: string;
  readonly family: string;
  readonly task: 'chat' | 'embeddings';
  readonly mode: CatalogueMode;
  readonly region: string | null;
  readonly status: string;
  readonly redirect_to: string | null;
  /** When the model itself ends or ended. */
  readonly retires_on: string | null;
  /** When its name is or was answered no longer. */
  readonly gone_on: string | null;
  readonly replacement: string | null;
  readonly real_time: boolean | null;
  readonly context_window: number | null;
  readonly standards: Readonly<Record<string, StandardSupport>>;
  readonly max_container_age_days: number | null;
  readonly cross_geography: CrossGeographyNeed;
  /** Never charged by itself. */
  readonly proposed_price: ProposedPrice | null;
  readonly sources: readonly string[];
}

/** The entry of a model that the catalogue knows; `null` where it does not. */
export function catalogEntry(catalog: Catalog, subject: Subject, at: EpochMs): CatalogEntry | null {
  const known = catalog.model(subject.model);
  if (known === null) return null;
  const { status, redirectTo, retiresMs, goneMs } = lifecycleOf(catalog, subject, at);
  const used = new Set([known.source]);
  const stated = <T>(field: Parameters<typeof catalog.stated<T>>[2]): T | null => {
    const found = catalog.stated(subject, at, field);
    if (found !== null) used.add(found.row.source);
    return found?.value ?? null;
  };
  stated((row) => row.status);
  const standards = COMPLIANCE_STANDARDS.map((standard) => [
    standard,
    stated((row) => row.standards?.[standard]) ?? 'unknown',
  ]);
  const price = catalog.price(subject, at);
  if (price !== null) used.add(price.source);
  return {
    model: known.model,
    family: known.family,
    task: known.task,
    mode: subject.mode,
    region: subject.region,
    status,
    redirect_to: redirectTo,
    retires_on: retiresMs === null ? null : dayText(retiresMs),
    gone_on: goneMs === null ? null : dayText(goneMs),
    replacement: known.replacement ?? null,
    real_time: known.real_time ?? null,
    context_window: known.context_window ?? null,
    standards: Object.fromEntries(standards),
    max_container_age_days: stated((row) => row.max_container_age_days),
    cross_geography: stated((row) => row.cross_geography) ?? 'unknown',
    proposed_price: price === null ? null : proposedPrice(price),
    sources: [...used],
  };
}

/** The entries of every model in each mode that it is known in. */
export function catalogEntries(catalog: Catalog, region: string | null, at: EpochMs): CatalogEntry[] {
  return [...catalog.models].flatMap(({ model }) =>
    [...catalog.modesOf(model)].flatMap((mode) => catalogEntry(catalog, { model, mode, region }, at) ?? []),
  );
}
