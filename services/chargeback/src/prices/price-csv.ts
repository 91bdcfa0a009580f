import { readCsv, writeCsv } from '../csv.ts';
import { ChargebackError } from '../errors.ts';
import type { PriceDraft } from './price-row.ts';
import { priceDraft } from './price-schema.ts';

const COLUMNS = [
  'provider',
  'model',
  'serving_mode',
  'region',
  'token_class',
  'amount',
  'per_quantity',
  'currency',
  'effective_from',
  'effective_to',
  'source',
] as const;
/** May be left out, or be empty: for all regions, and without an end. */
const NULLABLE: ReadonlySet<string> = new Set(['region', 'effective_to']);

/**
 * The price rows of a CSV with the columns above, in any order; others are refused, so that a typing error does
 * not drop what it was meant for.
 *
 * @throws ChargebackError `csv_invalid`, naming row and column
 */
export function pricesFromCsv(text: string): PriceDraft[] {
  return readCsv(text).map((row, index) => {
    const unknown = Object.keys(row).find((name) => !(COLUMNS as readonly string[]).includes(name));
    if (unknown !== undefined) {
      throw new ChargebackError('csv_invalid', `column ${unknown} is not known: use ${COLUMNS.join(', ')}`);
    }
    const cells = Object.fromEntries(
      COLUMNS.map((name) => [name, NULLABLE.has(name) && (row[name] ?? '') === '' ? null : row[name]]),
    );
    const perQuantity = row['per_quantity'] ?? '';
    const result = priceDraft.safeParse({
      ...cells,
      per_quantity: /^\d{1,15}$/.test(perQuantity) ? Number(perQuantity) : perQuantity,
    });
    if (result.success) return result.data;
    const issue = result.error.issues[0];
    throw new ChargebackError('csv_invalid', `row ${index + 1}: ${issue?.path.join('.')}: ${issue?.message}`);
  });
}

/** Price rows as a CSV that can be imported again. */
export function pricesToCsv(rows: readonly PriceDraft[]): string {
  return writeCsv(COLUMNS, rows);
}
