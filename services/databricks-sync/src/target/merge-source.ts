import type { DeliveryRow } from '../tables/row.ts';

/** The rows as one JSON array: what a MERGE reads from its one parameter. */
export function jsonArray(rows: readonly DeliveryRow[]): string {
  return `[${rows.map((row) => row.body).join(',')}]`;
}

/** The first and the last date of the rows, YYYY-MM-DD: the only files that a MERGE has to look at. */
export function dateRange(rows: readonly DeliveryRow[]): { readonly from: string; readonly to: string } {
  const dates = rows.map((row) => row.date).toSorted();
  const [from, to] = [dates.at(0), dates.at(-1)];
  if (from === undefined || to === undefined) throw new RangeError('no rows');
  return { from, to };
}
