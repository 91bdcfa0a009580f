import type { EpochMicros } from '../time/instant.ts';
import type { PriceKey, PriceRow } from './price-row.ts';

/**
 * Every row of the price book, ready to be asked what was in force when. Of a key's rows, the one that started
 * last is in force, until its own `effective_to` where it has one: so a later row ends an earlier one by its own
 * start, and no row is ever edited.
 *
 * Cost: a map look-up and a binary search over the key's rows.
 */
export class PriceBook {
  readonly #rowsByKey = new Map<string, Map<string, PriceRow[]>>();
  readonly size: number;

  constructor(rows: Iterable<PriceRow>) {
    let size = 0;
    for (const row of rows) {
      this.#rowsOf(row.data).push(row);
      size += 1;
    }
    for (const byKey of this.#rowsByKey.values()) {
      for (const list of byKey.values()) list.sort((a, b) => a.fromMicros - b.fromMicros);
    }
    this.size = size;
  }

  /** The row that prices such tokens: of the region, or else of all regions. */
  find(key: PriceKey, at: EpochMicros): PriceRow | null {
    const byKey = this.#rowsByKey.get(key.model);
    if (byKey === undefined) return null;
    if (key.region !== null) {
      const regional = byKey.get(keyWithinModel(key));
      const row = regional === undefined ? null : lastStarted(regional, at);
      if (row !== null) return row;
    }
    const everywhere = byKey.get(keyWithinModel({ ...key, region: null }));
    return everywhere === undefined ? null : lastStarted(everywhere, at);
  }

  #rowsOf(key: PriceKey): PriceRow[] {
    let byKey = this.#rowsByKey.get(key.model);
    if (byKey === undefined) {
      byKey = new Map();
      this.#rowsByKey.set(key.model, byKey);
    }
    const text = keyWithinModel(key);
    let rows = byKey.get(text);
    if (rows === undefined) {
      rows = [];
      byKey.set(text, rows);
    }
    return rows;
  }
}

/** Serving mode and token class hold no space, so the text is unambiguous. */
function keyWithinModel(key: PriceKey): string {
  return `${key.serving_mode} ${key.token_class} ${key.region === null ? '*' : `=${key.region}`}`;
}

function lastStarted(rows: readonly PriceRow[], at: EpochMicros): PriceRow | null {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = rows[middle];
    if (row !== undefined && row.fromMicros <= at) low = middle + 1;
    else high = middle;
  }
  const row = rows[low - 1];
  if (row === undefined) return null;
  return row.toMicros === null || at < row.toMicros ? row : null;
}
