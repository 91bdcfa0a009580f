import { Amount } from '@tollgate/money';
import type { Dimension } from './dimensions.ts';

/** Sums over usage; every one is of events, so they don't depend on how tokens are split into charges. */
export const USAGE_MEASURES = [
  'requests',
  'attempts',
  'input_tokens',
  'output_tokens',
  'cached_input_tokens',
  'cache_creation_tokens',
  'reasoning_tokens',
  'time_zone_assumed',
] as const;
/** Sums over charges without a price. */
export const UNPRICED_MEASURES = ['unpriced_charges', 'unpriced_tokens'] as const;
export const COUNTS = [...USAGE_MEASURES, ...UNPRICED_MEASURES] as const;
export type Count = (typeof COUNTS)[number];

/** What the query gives: the sums of one group in one currency, over usage or over charges. */
export type ReportPart = {
  readonly group: readonly (string | null)[];
  readonly currency: string | null;
  readonly counts: Readonly<Partial<Record<Count, bigint>>>;
  readonly amount: string;
};

export type ReportLine = {
  /** One value per dimension. */
  readonly group: readonly (string | null)[];
  /** Null where nothing in it has a price. */
  readonly currency: string | null;
  readonly counts: Readonly<Record<Count, number>>;
  /** Exact; the sum of all priced charges. */
  readonly amount: string;
};

export type Report = {
  readonly groupBy: readonly Dimension[];
  readonly lines: readonly ReportLine[];
  readonly totals: readonly ReportLine[];
};

/**
 * Puts the parts together: one line per group and currency, and the totals over all groups.
 *
 * What has no currency (unpriced, or nothing to charge) joins the line of its group where that has one currency
 * only; with several, it gets a line of its own, since nobody could say to which it belongs. Nothing is counted
 * twice either way. Lines are ordered by group, then currency.
 */
export function assembleReport(groupBy: readonly Dimension[], parts: readonly ReportPart[]): Report {
  return {
    groupBy,
    lines: linesOf(parts),
    totals: linesOf(parts.map((part) => ({ ...part, group: [] }))),
  };
}

function linesOf(parts: readonly ReportPart[]): ReportLine[] {
  return [...Map.groupBy(parts, (part) => JSON.stringify(part.group)).values()]
    .flatMap((ofGroup) => {
      const currencies = new Set(
        ofGroup.map((part) => part.currency).filter((currency) => currency !== null),
      );
      const only = currencies.size === 1 ? [...currencies][0] : undefined;
      const byCurrency = Map.groupBy(ofGroup, (part) => part.currency ?? only ?? null);
      return [...byCurrency].map(([currency, ofLine]) => sum(currency, ofLine));
    })
    .sort(byGroupAndCurrency);
}

function sum(currency: string | null, parts: readonly ReportPart[]): ReportLine {
  const total = (count: Count): number => {
    const value = parts.reduce((result, part) => result + (part.counts[count] ?? 0n), 0n);
    // Quantities are bounded where they come in, so a sum beyond 2^53 means that something is wrong.
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`the sum of ${count} is out of bounds`);
    return Number(value);
  };
  return {
    group: parts[0]?.group ?? [],
    currency,
    counts: Object.fromEntries(COUNTS.map((count) => [count, total(count)])) as Record<Count, number>,
    amount: Amount.sum(parts.map((part) => Amount.of(part.amount))).toString(),
  };
}

function byGroupAndCurrency(a: ReportLine, b: ReportLine): number {
  const [left, right] = [
    [...a.group, a.currency],
    [...b.group, b.currency],
  ];
  for (const [index, value] of left.entries()) {
    const [x, y] = [value ?? '', right[index] ?? ''];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
