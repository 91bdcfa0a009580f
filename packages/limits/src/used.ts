import type { Quantities } from '@tollgate/events';
import type { Cost } from '@tollgate/pricing';
import type { Limit } from './limit.ts';
import type { Units } from './units.ts';

/** What one usage event (or a reservation for one) amounts to, before it is measured by a limit. */
export type Use = {
  /** Whether it ends its request: a request counts once, with the final usage of its attempts. */
  readonly final: boolean;
  readonly quantities: Pick<Quantities, 'input_tokens' | 'output_tokens'>;
  /** By `costOf` of packages/pricing; only looked at by limits of money. */
  readonly cost: Cost | null;
};

/**
 * How much of a limit is used: the one rule for reserving, settling and confirming. Input includes cached input and
 * output includes reasoning, as the provider counts them. Every outcome counts by its quantities, as it is charged
 * (decision 0012).
 *
 * @returns null where it can't be told: money that has no price, or one of another currency
 */
export function usedOf(limit: Pick<Limit, 'unit' | 'currency'>, use: Use): Units | null {
  const { input_tokens: input, output_tokens: output } = use.quantities;
  switch (limit.unit) {
    case 'requests':
      return use.final ? 1n : 0n;
    case 'input-tokens':
      return BigInt(input);
    case 'output-tokens':
      return BigInt(output);
    case 'total-tokens':
      return BigInt(input) + BigInt(output);
    case 'money':
      if (use.cost === null || use.cost.unpriced) return null;
      if (use.cost.currency !== null && use.cost.currency !== limit.currency) return null;
      return use.cost.amount;
  }
}
