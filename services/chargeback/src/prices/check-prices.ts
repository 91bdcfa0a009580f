import type { TokenClass } from '@tollgate/events';
import { ChargebackError } from '../errors.ts';
import type { EpochMicros } from '../time/instant.ts';
import { type PriceRow, priceKeyText } from './price-row.ts';

/** Serving modes in which a token may cost nothing, since something else is billed: capacity, or the provider. */
const MAY_COST_NOTHING: ReadonlySet<string> = new Set(['provisioned-throughput', 'external']);

/** Classes that are output, or part of it; all others are input. */
const OUTPUT_CLASSES: ReadonlySet<TokenClass> = new Set(['output', 'reasoning'] as const);

export type CheckedPrices = {
  /** Rows to add. */
  readonly added: readonly PriceRow[];
  /** Rows that were there already, the same in every field. */
  readonly unchanged: readonly PriceRow[];
};

/**
 * Whether rows may join the book, all or none.
 *
 * A row is never edited: the same key and start with other content is a conflict. Validities of one key don't
 * overlap: a later row ends an open-ended one by its own start, and may not start within one that says when it
 * ends. What was in force in the past stays: there, a new one starts now or later.
 * Rows of one model and serving mode that are in force together have one currency, so that an event has one.
 *
 * @param now what counts as the past; nothing that was requested from now on has been charged yet
 * @throws ChargebackError `price_invalid`, `price_conflict`, `price_overlap`, `price_in_past`
 */
export function checkPrices(
  existing: readonly PriceRow[],
  proposed: readonly PriceRow[],
  now: EpochMicros,
): CheckedPrices {
  const known = new Map(existing.map((row) => [row.data.price_id, row]));
  const added: PriceRow[] = [];
  const unchanged: PriceRow[] = [];
  for (const row of proposed) {
    checkAlone(row);
    const same = known.get(row.data.price_id);
    if (same === undefined) {
      known.set(row.data.price_id, row);
      added.push(row);
    } else if (isSame(same, row)) {
      unchanged.push(same);
    } else {
      throw new ChargebackError(
        'price_conflict',
        `${nameOf(row)}: a row with this start exists and says otherwise; add a row with a later effective_from`,
      );
    }
  }
  checkPast(existing, added, now);
  checkTimelines([...known.values()]);
  return { added, unchanged };
}

function checkAlone(row: PriceRow): void {
  const { serving_mode } = row.data;
  if (row.toMicros !== null && row.toMicros <= row.fromMicros) {
    throw new ChargebackError('price_invalid', `${nameOf(row)}: effective_to must be after effective_from`);
  }
  if (row.unit.sign() === 0 && !MAY_COST_NOTHING.has(serving_mode)) {
    throw new ChargebackError(
      'price_invalid',
      `${nameOf(row)}: amount: zero needs a reason, which only provisioned-throughput and external have`,
    );
  }
}

function isSame(a: PriceRow, b: PriceRow): boolean {
  return (
    a.toMicros === b.toMicros &&
    a.unit.equals(b.unit) &&
    a.data.currency === b.data.currency &&
    a.data.provider === b.data.provider &&
    a.data.source === b.data.source
  );
}

/**
 * A new row may begin in the past only where it changes nothing that could have been charged: where no row was in
 * force that prices the same tokens, or would have priced them as part of another class.
 */
function checkPast(existing: readonly PriceRow[], added: readonly PriceRow[], now: EpochMicros): void {
  const inForce = [...timelinesOf(existing).values()].flat();
  const isNew = new Set(added);
  for (const { row, from, to } of [...timelinesOf([...existing, ...added]).values()].flat()) {
    if (from >= now || !isNew.has(row)) continue;
    const until = Math.min(to, now);
    const old = inForce.find(
      (other) => concernsTheSame(row, other.row) && other.from < until && from < other.to,
    );
    if (old !== undefined) {
      throw new ChargebackError(
        'price_in_past',
        `${nameOf(row)}: effective_from: the ${old.row.data.token_class} row from ${old.row.data.effective_from} was in force then, and usage may be charged by it; start now or later`,
      );
    }
  }
}

function concernsTheSame({ data: a }: PriceRow, { data: b }: PriceRow): boolean {
  return (
    a.model === b.model &&
    a.serving_mode === b.serving_mode &&
    (a.region === null || b.region === null || a.region === b.region) &&
    OUTPUT_CLASSES.has(a.token_class) === OUTPUT_CLASSES.has(b.token_class)
  );
}

function checkTimelines(rows: readonly PriceRow[]): void {
  const byModel = new Map<string, Validity[]>();
  for (const timeline of timelinesOf(rows).values()) {
    for (const [index, validity] of timeline.entries()) {
      const next = timeline[index + 1];
      if (next !== undefined && validity.row.toMicros !== null && validity.row.toMicros > next.from) {
        throw new ChargebackError(
          'price_overlap',
          `${nameOf(next.row)}: effective_from: the row from ${validity.row.data.effective_from} is in force until ${validity.row.data.effective_to}`,
        );
      }
      const { model, serving_mode } = validity.row.data;
      const key = JSON.stringify([model, serving_mode]);
      const others = byModel.get(key) ?? [];
      for (const other of others) {
        const together = other.from < validity.to && validity.from < other.to;
        if (together && other.row.data.currency !== validity.row.data.currency) {
          throw new ChargebackError(
            'price_invalid',
            `${nameOf(validity.row)}: currency: ${other.row.data.currency} is in force for this model at the same time`,
          );
        }
      }
      others.push(validity);
      byModel.set(key, others);
    }
  }
}

/** When a row is in force, given the rows around it: half-open, in microseconds. */
type Validity = { readonly row: PriceRow; readonly from: EpochMicros; readonly to: EpochMicros };

function timelinesOf(rows: readonly PriceRow[]): Map<string, Validity[]> {
  const byKey = Map.groupBy(rows, (row) => priceKeyText(row.data));
  const timelines = new Map<string, Validity[]>();
  for (const [key, list] of byKey) {
    const sorted = list.toSorted((a, b) => a.fromMicros - b.fromMicros);
    timelines.set(
      key,
      sorted.map((row, index) => {
        const next = sorted[index + 1]?.fromMicros ?? Number.POSITIVE_INFINITY;
        return { row, from: row.fromMicros, to: Math.min(row.toMicros ?? Number.POSITIVE_INFINITY, next) };
      }),
    );
  }
  return timelines;
}

function nameOf({ data }: PriceRow): string {
  const region = data.region === null ? '' : ` in ${data.region}`;
  return `${data.model} ${data.serving_mode}${region} ${data.token_class} from ${data.effective_from}`;
}
