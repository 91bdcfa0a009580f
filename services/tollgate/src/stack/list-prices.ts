import { listPrices } from '@tollgate/catalog/list-prices';
import { ServiceClient } from '@tollgate/http';
import { z } from 'zod';
import { whenKnown } from './when-known.ts';

/**
 * Puts the public list prices into the price book, as somebody in finance would. Rows that are there stay.
 *
 * @param options.token with the scope `prices:write`
 */
export async function importListPrices(options: {
  readonly chargebackUrl: string;
  readonly token: string;
}): Promise<void> {
  const chargeback = new ServiceClient({ baseUrl: options.chargebackUrl, token: options.token });
  const prices = listPrices();
  await whenKnown(() =>
    chargeback.call({ method: 'POST', path: '/v1/prices', body: { prices }, answer: z.unknown() }),
  );
}
