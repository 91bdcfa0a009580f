import type { Pool, Transaction } from '@tollgate/database';
import { PriceBook } from '@tollgate/pricing';
import { type PriceDraft, type PriceRow, priceRow } from './price-row.ts';

/** Charging holds it shared, an import alone, so that what was charged before an import was requested before it. */
const LOCK = `hashtextextended('tollgate.chargeback.price-book', 0)`;

const COLUMNS = `price_id, provider, model, serving_mode, region, token_class, amount, per_quantity, currency,
  effective_from, effective_to, source`;

type StoredPrice = Omit<PriceDraft, 'per_quantity'> & { readonly per_quantity: bigint };

/**
 * The book as one transaction sees it, kept in memory from batch to batch and read again when rows have been
 * added. Rows are only ever added, so the greatest ordinal tells.
 */
export class StoredPriceBook {
  #book = new PriceBook([]);
  #ordinal = 0n;

  /** The book; no import can commit until the transaction has ended. */
  async forTransaction(tx: Transaction): Promise<PriceBook> {
    await tx.query({ name: 'lock-price-book-shared', text: `SELECT pg_advisory_xact_lock_shared(${LOCK})` });
    // A statement of its own: it must see what was committed while the lock was waited for.
    const { rows } = await tx.query<{ ordinal: bigint }>({
      name: 'price-book-ordinal',
      text: 'SELECT coalesce(max(ordinal), 0) AS ordinal FROM price',
    });
    const ordinal = rows[0]?.ordinal ?? 0n;
    if (ordinal !== this.#ordinal) {
      this.#book = new PriceBook(await readPrices(tx));
      this.#ordinal = ordinal;
    }
    return this.#book;
  }
}

/** Waits for running batches and keeps new ones waiting until the transaction ends. */
export async function lockPriceBook(tx: Transaction): Promise<void> {
  await tx.query(`SELECT pg_advisory_xact_lock(${LOCK})`);
}

/** Every row, by key and start. */
export async function readPrices(tx: Transaction): Promise<PriceRow[]> {
  const { rows } = await tx.query<StoredPrice>(
    `SELECT ${COLUMNS} FROM price ORDER BY model, serving_mode, region NULLS FIRST, token_class, effective_from`,
  );
  return rows.map(storedPrice);
}

/** A page of the book, in the order in which rows were added. */
export async function listPrices(
  pool: Pool,
  options: { readonly after: string; readonly limit: number; readonly model?: string | undefined },
): Promise<{ readonly ordinal: string; readonly price: PriceRow }[]> {
  const { rows } = await pool.query<StoredPrice & { ordinal: bigint }>(
    `SELECT ordinal, ${COLUMNS} FROM price
     WHERE ordinal > $1::bigint AND ($3::text IS NULL OR model = $3) ORDER BY ordinal LIMIT $2`,
    [options.after, options.limit, options.model],
  );
  return rows.map(({ ordinal, ...row }) => ({ ordinal: String(ordinal), price: storedPrice(row) }));
}

/** Adds checked rows. */
export async function insertPrices(
  tx: Transaction,
  rows: readonly PriceRow[],
  by: { readonly actor: string; readonly at: Date },
): Promise<void> {
  await tx.query(
    `INSERT INTO price (${COLUMNS}, created_by, created_at)
     SELECT ${COLUMNS}, $2, $3
     FROM jsonb_to_recordset($1::jsonb) AS row (price_id uuid, provider text, model text, serving_mode text,
       region text, token_class text, amount numeric, per_quantity bigint, currency text,
       effective_from timestamptz, effective_to timestamptz, source text)`,
    [JSON.stringify(rows.map((row) => row.data)), by.actor, by.at.toISOString()],
  );
}

function storedPrice({ per_quantity, ...rest }: StoredPrice): PriceRow {
  return priceRow({ ...rest, per_quantity: Number(per_quantity) });
}
