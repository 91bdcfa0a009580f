import type { DeliveryRow } from '../tables/row.ts';

/** The first row of each key: an event that was published twice is delivered once. */
export function distinct<Row extends DeliveryRow>(rows: readonly Row[]): Row[] {
  const seen = new Set<string>();
  return rows.filter(({ key }) => {
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
