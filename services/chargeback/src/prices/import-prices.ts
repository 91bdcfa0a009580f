import type { Transaction } from '@tollgate/database';
import { epochMicros } from '../time/instant.ts';
import { type CheckedPrices, checkPrices } from './check-prices.ts';
import { type PriceDraft, priceRow } from './price-row.ts';
import { insertPrices, lockPriceBook, readPrices } from './price-store.ts';

/**
 * Adds rows to the price book, all or none, within the caller's transaction. Waits for batches that are being
 * charged, so that the past, which an import must not change, is what those have seen.
 *
 * @throws ChargebackError as `checkPrices` and `priceRow` do
 */
export async function importPrices(
  tx: Transaction,
  drafts: readonly PriceDraft[],
  by: { readonly actor: string; readonly now: () => Date },
): Promise<CheckedPrices> {
  const proposed = drafts.map(priceRow);
  await lockPriceBook(tx);
  const at = by.now();
  const checked = checkPrices(await readPrices(tx), proposed, epochMicros(at.toISOString()));
  if (checked.added.length > 0) await insertPrices(tx, checked.added, { actor: by.actor, at });
  return checked;
}
