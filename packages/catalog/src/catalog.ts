import { ANY, type CatalogueMode, GEOGRAPHY_PREFIX, type ModelStatus } from './file/file-schema.ts';
import {
  type CatalogLayer,
  type Endpoint,
  type Model,
  type Price,
  priceKey,
  type Row,
  rowKey,
} from './file/read-catalog-file.ts';
import { holdsAt } from './file/spans.ts';
import { DAY_MS, type EpochMs, epochMs } from './instant.ts';

/** What a row may be about. */
export interface Subject {
  readonly model: string;
  readonly mode: CatalogueMode;
  /** `null`: it is not known where. */
  readonly region: string | null;
}

/** A stretch of time in which a model's status stays the same, to the beginning of the next one. */
export interface StatusStretch {
  readonly fromMs: EpochMs;
  readonly status: ModelStatus;
  /** What says so; `null`: nothing does. */
  readonly row: Row | null;
}

/** How long before its end a model's retirement is told. */
export const NOTICE_MS = 90 * DAY_MS;

/**
 * The layers of a catalogue, indexed. A field is that of the most specific row that states it: a model's before every
 * model's, a mode's before every mode's, a region's before its geography's before everywhere's; of two rows about the
 * same the upper layer's.
 */
export class Catalog {
  /** Differs where any of its files does. */
  readonly digest: string;
  readonly #models = new Map<string, Model>();
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #geographies = new Map<string, string>();
  readonly #geographyNames = new Set<string>();
  /** By key, the upper layer's first. */
  readonly #rows = new Map<string, Row[]>();
  /** Those about a region or a geography, by model and mode. */
  readonly #regional = new Map<string, Row[]>();
  readonly #prices = new Map<string, Price[]>();
  readonly #changes: readonly EpochMs[];
  /** By model; none where no row is about it alone. */
  readonly #boundaries = new Map<string, readonly EpochMs[]>();
  /** By subject. */
  readonly #statuses = new Map<string, readonly StatusStretch[]>();

  /** @param layers from the uppermost down */
  constructor(layers: readonly CatalogLayer[]) {
    this.digest = layers.map((layer) => layer.digest).join('.');
    for (const layer of layers) {
      for (const entry of layer.models) keep(this.#models, entry.model, entry);
      for (const entry of layer.endpoints) keep(this.#endpoints, entry.endpoint, entry);
      for (const [geography, regions] of layer.geographies) {
        this.#geographyNames.add(geography);
        for (const region of regions) keep(this.#geographies, region, geography);
      }
      for (const row of layer.rows) {
        push(this.#rows, rowKey(row), row);
        if (row.region !== ANY) push(this.#regional, regionalKey(row), row);
      }
      for (const price of layer.prices) push(this.#prices, priceKey(price), price);
    }
    this.#changes = this.#allChanges();
    const rows = [...this.#rows.values()].flat();
    for (const [model, own] of Map.groupBy(rows, (row) => row.model)) {
      this.#boundaries.set(model, ascending(own.flatMap(({ fromMs, toMs }) => [fromMs, toMs])));
    }
  }

  /** In the order of the files. */
  get models(): Iterable<Model> {
    return this.#models.values();
  }

  get endpoints(): Iterable<Endpoint> {
    return this.#endpoints.values();
  }

  model(name: string): Model | null {
    return this.#models.get(name) ?? null;
  }

  /** What the file says of an endpoint of the customer's own. */
  endpoint(name: string): Endpoint | null {
    return this.#endpoints.get(name) ?? null;
  }

  /** The geography of a region, or of itself; `null` where the catalogue has none for it. */
  geographyOf(region: string): string | null {
    return this.#geographies.get(region) ?? (this.#geographyNames.has(region) ? region : null);
  }

  /**
   * What a row says at an instant, by the rule of the class; `null` where none states it, or where it differs by region
   * and the region, or its geography, is not known.
   */
  stated<T>(
    subject: Subject,
    at: EpochMs,
    field: (row: Row) => T | undefined,
  ): { value: T; row: Row } | null {
    for (const model of [subject.model, ANY]) {
      for (const mode of [subject.mode, ANY] as const) {
        const found = this.#atLevel(model, mode, subject.region, at, field);
        if (found === 'differs') return null;
        if (found !== null) return found;
      }
    }
    return null;
  }

  price({ model, mode }: Pick<Subject, 'model' | 'mode'>, at: EpochMs): Price | null {
    return this.#prices.get(priceKey({ model, mode }))?.find((price) => holdsAt(price, at)) ?? null;
  }

  /** Every price, of any time. */
  prices(): Price[] {
    return [...this.#prices.values()].flat();
  }

  /**
   * The modes in which the catalogue has a row or a price of a model. Where its rows name none, pay-per-token: that is how
   * a model can be called without anything being set up.
   */
  modesOf(model: string): ReadonlySet<CatalogueMode> {
    const rows = [...this.#rows.values()].flat().filter((row) => row.model === model);
    const modes = [...rows, ...this.prices().filter((price) => price.model === model)].map(
      ({ mode }) => mode,
    );
    const named = modes.filter((mode) => mode !== ANY);
    return new Set(named.length === 0 ? ['pay-per-token'] : named);
  }

  /** The statuses of a model one after the other, from the beginning of time on. Kept for each subject that was asked about. */
  statusesOf(subject: Subject): readonly StatusStretch[] {
    const key = `${subject.model}\n${subject.mode}\n${subject.region ?? ''}`;
    let stretches = this.#statuses.get(key);
    if (stretches === undefined) {
      const starts = [Number.NEGATIVE_INFINITY, ...(this.#boundaries.get(subject.model) ?? [])];
      stretches = starts.map((fromMs) => {
        const found = this.stated(subject, Math.max(fromMs, Number.MIN_SAFE_INTEGER), (row) => row.status);
        return { fromMs, status: found?.value ?? 'unknown', row: found?.row ?? null };
      });
      this.#statuses.set(key, stretches);
    }
    return stretches;
  }

  /** The next instant after which anything that can be asked here may be answered otherwise; `Infinity`: never. */
  nextChange(after: EpochMs): EpochMs {
    return this.#changes.find((change) => change > after) ?? Number.POSITIVE_INFINITY;
  }

  #atLevel<T>(
    model: string,
    mode: CatalogueMode | typeof ANY,
    region: string | null,
    at: EpochMs,
    field: (row: Row) => T | undefined,
  ): { value: T; row: Row } | 'differs' | null {
    const geography = region === null ? null : this.geographyOf(region);
    if (region !== null) {
      const found = this.#stating(rowKey({ model, mode, region }), at, field);
      if (found !== null) return found;
    }
    if (geography !== null) {
      const found = this.#stating(rowKey({ model, mode, region: GEOGRAPHY_PREFIX + geography }), at, field);
      if (found !== null) return found;
    } else {
      const regional = this.#regional.get(regionalKey({ model, mode })) ?? [];
      if (regional.some((row) => holdsAt(row, at) && field(row) !== undefined)) return 'differs';
    }
    return this.#stating(rowKey({ model, mode, region: ANY }), at, field);
  }

  #stating<T>(key: string, at: EpochMs, field: (row: Row) => T | undefined): { value: T; row: Row } | null {
    for (const row of this.#rows.get(key) ?? []) {
      const value = holdsAt(row, at) ? field(row) : undefined;
      if (value !== undefined) return { value, row };
    }
    return null;
  }

  #allChanges(): EpochMs[] {
    const rows = [...this.#rows.values()].flat();
    const dates = rows.flatMap(({ fromMs, toMs, deprecatedFromMs }) => [
      fromMs,
      toMs,
      deprecatedFromMs ?? fromMs,
    ]);
    const notices = dates.map((date) => date - NOTICE_MS);
    const ages = new Set(
      rows.flatMap(({ max_container_age_days: days }) => (days === undefined ? [] : [days])),
    );
    const built = [...this.#endpoints.values()].flatMap(({ container_built_on: on }) =>
      on === undefined ? [] : [...ages].map((days) => epochMs(on) + days * DAY_MS),
    );
    const prices = this.prices().flatMap(({ fromMs, toMs }) => [fromMs, toMs]);
    return ascending([...dates, ...notices, ...built, ...prices]);
  }
}

function regionalKey({ model, mode }: { readonly model: string; readonly mode: string }): string {
  return `${model}\n${mode}`;
}

function ascending(instants: readonly EpochMs[]): EpochMs[] {
  return [...new Set(instants.filter(Number.isFinite))].sort((one, other) => one - other);
}

/** Keeps what an upper layer said. */
function keep<V>(map: Map<string, V>, key: string, value: V): void {
  if (!map.has(key)) map.set(key, value);
}

function push<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
