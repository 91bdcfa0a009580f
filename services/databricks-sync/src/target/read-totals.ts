import { z } from 'zod';
import { SyncError } from '../errors.ts';
import type { LakehouseTotals } from './lakehouse-target.ts';

const digits = z.string().regex(/^\d+$/);
const usageRows = z.tuple([z.object({ requests: digits, input_tokens: digits, output_tokens: digits })]);
const chargeRows = z.array(
  z.object({ currency: z.string().nullish(), charges: digits, amount: z.string().nullish() }),
);

/** The totals from the rows of `totalsStatements`. @throws SyncError `target_answer_wrong` */
export function totalsOf(usage: readonly unknown[], charges: readonly unknown[]): LakehouseTotals {
  const sums = usageRows.safeParse(usage);
  const byCurrency = chargeRows.safeParse(charges);
  if (!sums.success || !byCurrency.success) {
    throw new SyncError('target_answer_wrong', 'the totals are not what was asked for: see the tables');
  }
  const [{ requests, input_tokens, output_tokens }] = sums.data;
  return {
    requests,
    inputTokens: input_tokens,
    outputTokens: output_tokens,
    charges: String(byCurrency.data.reduce((sum, row) => sum + BigInt(row.charges), 0n)),
    amounts: byCurrency.data.flatMap(({ currency, amount }) =>
      currency == null || amount == null ? [] : [{ currency, amount: canonical(amount) }],
    ),
  };
}

/** Without the zeros that a column's scale adds. */
function canonical(decimal: string): string {
  return decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal;
}
