import type { UsageOutcome } from '@tollgate/events';
import type { ChargeLine, ChargeStatus } from '@tollgate/pricing';
import { amountOf, type PriceRow } from '@tollgate/pricing';
import { hourStart } from '../time/instant.ts';
import type { AttributionRow } from './attribution-id.ts';
import type { ChargedUsage } from './charged-usage.ts';

/** What the keys of both rollups begin with. */
export type HourKey = {
  /** Hours since 1970. */
  readonly hour: number;
  readonly attributionRow: AttributionRow;
  readonly billingPeriod: string;
  readonly outcome: UsageOutcome;
  readonly fidelity: string;
};

/** What one batch adds to a row of `usage_hour`. Sums are exact: see MAX_TOKENS. */
export type UsageHour = {
  readonly key: HourKey;
  readonly currency: string | null;
  /** Final usage events: one per allowed request. */
  requests: number;
  attempts: number;
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens: number;
  cacheCreationTokens: number;
  reasoningTokens: number;
  timeZoneAssumed: number;
};

/** What one batch adds to a row of `charge_hour`. */
export type ChargeHour = {
  readonly key: HourKey;
  readonly tokenClass: string;
  readonly status: ChargeStatus;
  readonly price: PriceRow | null;
  lines: number;
  quantity: number;
};

/** The amount of a row: exact, since every line in it has the same price. Zero where unpriced. */
export function amountOfHour(row: ChargeHour): string {
  return row.price === null ? '0' : amountOf(row.price.unit, row.quantity);
}

/**
 * Sums a batch per rollup row. The rows come sorted by key, so that two transactions that meet on rows lock them
 * in the same order and one waits for the other, never both.
 *
 * Cost: a look-up by attribution, then a few comparisons; texts of keys are made once per row, not per event.
 */
export function rollUp(batch: readonly ChargedUsage[]): {
  readonly usage: readonly UsageHour[];
  readonly charges: readonly ChargeHour[];
} {
  const byAttribution = new Map<string, Group[]>();
  for (const charged of batch) {
    let groups = byAttribution.get(charged.attributionRow.attributionId);
    if (groups === undefined) {
      groups = [];
      byAttribution.set(charged.attributionRow.attributionId, groups);
    }
    const group = groups.find(({ key }) => isOf(key, charged)) ?? newGroup(groups, charged);
    addUsage(group, charged);
    for (const line of charged.lines) addLine(group, line);
  }
  const groups = [...byAttribution.values()].flat();
  return {
    usage: sorted(
      groups.flatMap((group) => group.usage),
      (row) => row.currency ?? '',
    ),
    charges: sorted(
      groups.flatMap((group) => group.charges),
      (row) => `${row.tokenClass} ${row.status} ${row.price?.data.price_id ?? ''}`,
    ),
  };
}

type Group = { readonly key: HourKey; readonly usage: UsageHour[]; readonly charges: ChargeHour[] };

function isOf(key: HourKey, charged: ChargedUsage): boolean {
  const { outcome, fidelity } = charged.event.data;
  return (
    key.hour === charged.hour &&
    key.billingPeriod === charged.billingPeriod &&
    key.outcome === outcome &&
    key.fidelity === fidelity
  );
}

function newGroup(groups: Group[], charged: ChargedUsage): Group {
  const { hour, attributionRow, billingPeriod, event } = charged;
  const { outcome, fidelity } = event.data;
  const group = { key: { hour, attributionRow, billingPeriod, outcome, fidelity }, usage: [], charges: [] };
  groups.push(group);
  return group;
}

function addUsage(group: Group, charged: ChargedUsage): void {
  const { currency } = charged;
  let row = group.usage.find((each) => each.currency === currency);
  if (row === undefined) {
    row = {
      key: group.key,
      currency,
      requests: 0,
      attempts: 0,
      inputTokens: 0,
      outputTokens: 0,
      cachedInputTokens: 0,
      cacheCreationTokens: 0,
      reasoningTokens: 0,
      timeZoneAssumed: 0,
    };
    group.usage.push(row);
  }
  const { attempt, final, quantities } = charged.event.data;
  if (final) row.requests += 1;
  if (attempt > 0) row.attempts += 1;
  row.inputTokens += quantities.input_tokens;
  row.outputTokens += quantities.output_tokens;
  row.cachedInputTokens += quantities.cached_input_tokens;
  row.cacheCreationTokens += quantities.cache_creation_tokens;
  row.reasoningTokens += quantities.reasoning_tokens;
  if (charged.timeZoneAssumed) row.timeZoneAssumed += 1;
}

function addLine(group: Group, { tokenClass, status, price, quantity }: ChargeLine): void {
  let row = group.charges.find(
    (each) => each.price === price && each.tokenClass === tokenClass && each.status === status,
  );
  if (row === undefined) {
    row = { key: group.key, tokenClass, status, price, lines: 0, quantity: 0 };
    group.charges.push(row);
  }
  row.lines += 1;
  row.quantity += quantity;
}

/** By key, as texts: the same order in every transaction. */
function sorted<T extends { readonly key: HourKey }>(rows: readonly T[], restOfKey: (row: T) => string): T[] {
  return rows
    .map((row) => {
      const { hour, attributionRow, billingPeriod, outcome, fidelity } = row.key;
      const text = `${hourStart(hour)} ${attributionRow.attributionId} ${billingPeriod} ${outcome} ${fidelity} ${restOfKey(row)}`;
      return { row, text };
    })
    .sort((a, b) => (a.text < b.text ? -1 : 1))
    .map(({ row }) => row);
}
