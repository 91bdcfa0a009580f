import { readFile } from 'node:fs/promises';
import { LIST_PRICES_FILE, pricesFromCsv } from '@tollgate/chargeback';
import { DirectoryClient } from '@tollgate/directory';
import { ServiceClient } from '@tollgate/http';
import { z } from 'zod';
import { whenKnown } from './when-known.ts';

/** Puts the public list prices into the price book of a stack, as somebody in finance would. */
export async function importListPrices(options: {
  readonly directoryUrl: string;
  readonly chargebackUrl: string;
  /** Of the role platform, which may not set prices itself. */
  readonly token: string;
}): Promise<void> {
  const directory = new DirectoryClient({ baseUrl: options.directoryUrl, token: options.token });
  const finance = await directory.accessTokens.create({
    principal_type: 'service',
    principal_id: 'stack',
    name: 'list prices',
    scopes: ['prices:write'],
  });
  const chargeback = new ServiceClient({ baseUrl: options.chargebackUrl, token: finance.secret });
  const prices = pricesFromCsv(await readFile(LIST_PRICES_FILE, 'utf8'));
  await whenKnown(() =>
    chargeback.call({ method: 'POST', path: '/v1/prices', body: { prices }, answer: z.unknown() }),
  );
}
