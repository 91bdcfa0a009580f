import { readFile } from 'node:fs/promises';
import { listPrices } from '@tollgate/catalog/list-prices';
import type { ServiceClient } from '@tollgate/http';
import { Command } from 'commander';
import { z } from 'zod';
import { ChargebackError } from '../errors.ts';
import { pricesFromCsv, pricesToCsv } from '../prices/price-csv.ts';
import type { PriceDraft } from '../prices/price-row.ts';
import { price } from '../prices/price-schema.ts';

const imported = z.object({ added: z.array(price), unchanged: z.int() });
const missing = z.object({
  items: z.array(
    z.object({
      organisation_id: z.string(),
      model: z.string().nullable(),
      serving_mode: z.string().nullable(),
      region: z.string().nullable(),
      token_class: z.string(),
      charges: z.number(),
      tokens: z.number(),
    }),
  ),
});

/** `tollgate prices import | list | missing`. */
export function pricesCommandOf(connect: () => ServiceClient): Command {
  const command = new Command('prices').description('the price book');
  command
    .command('import [file]')
    .description('add the rows of a CSV file, all or none; those that are there already are passed over')
    .option('--list-prices', 'the public list prices that come with the program, instead of a file')
    .option('--json', 'say what was done in a line of JSON')
    .action(async (file: string | undefined, flags: { listPrices?: boolean; json?: boolean }) => {
      const prices = await pricesOf(file, flags.listPrices === true);
      const result = await connect().call({
        method: 'POST',
        path: '/v1/prices',
        body: { prices },
        answer: imported,
      });
      process.stdout.write(
        flags.json === true
          ? `${JSON.stringify({ added: result.added.length, unchanged: result.unchanged })}\n`
          : `${result.added.length} rows added, ${result.unchanged} were there already\n`,
      );
    });
  command
    .command('list')
    .description('the price book, as a CSV that can be imported')
    .option('--model <model>')
    .option('--json', 'one line of JSON a row')
    .action(async (flags: { model?: string; json?: boolean }) => {
      const rows: z.infer<typeof price>[] = [];
      for await (const row of connect().list({
        path: '/v1/prices',
        query: { model: flags.model, limit: 500 },
        item: price,
      })) {
        rows.push(row);
      }
      process.stdout.write(
        flags.json === true ? rows.map((row) => `${JSON.stringify(row)}\n`).join('') : pricesToCsv(rows),
      );
    });
  command
    .command('missing')
    .description('what was used and has no price')
    .option('--json', 'one line of JSON each')
    .action(async (flags: { json?: boolean }) => {
      const { items } = await connect().call({ method: 'GET', path: '/v1/unpriced', answer: missing });
      for (const item of items) {
        const { model, serving_mode, region, token_class, charges, tokens } = item;
        const cells = [model, serving_mode, region, token_class, `${charges} charges`, `${tokens} tokens`];
        const line = flags.json === true ? JSON.stringify(item) : cells.map((cell) => cell ?? '-').join('\t');
        process.stdout.write(`${line}\n`);
      }
    });
  return command;
}

async function pricesOf(file: string | undefined, list: boolean): Promise<readonly PriceDraft[]> {
  if (list === (file !== undefined)) {
    throw new ChargebackError('csv_invalid', 'name a CSV file, or give --list-prices');
  }
  return file === undefined ? listPrices() : pricesFromCsv(await readFile(file, 'utf8'));
}
