import type { PriceRow } from '../prices/price-row.ts';
import { amountOf } from '../prices/unit-price.ts';
import { hourStart } from '../time/instant.ts';
import type { ChargedUsage } from './charged-usage.ts';
import type { ChargeLine, ChargeStatus } from './price-usage.ts';

/** What the keys of both rollups begin with. */
export type HourKey = {
  /** As a timestamp. */
  readonly hour: string;
  readonly attributionId: string;
  readonly billingPeriod: string;
  readonly outcome: string;
  readonly fidelity: string;
};

/** What one batch adds to a row of `usage_hour`. */
export type UsageHour = HourKey & {
  readonly currency: string | null;
  /** Final usage events: one per allowed request. */
  requests: number;
  attempts: number;
  inputTokens: bigint;
  outputTokens: bigint;
  cachedInputTokens: bigint;
  cacheCreationTokens: bigint;
  reasoningTokens: bigint;
  timeZoneAssumed: number;
};

/** What one batch adds to a row of `charge_hour`. */
export type ChargeHour = HourKey & {
  readonly tokenClass: string;
  readonly status: ChargeStatus;
  readonly price: PriceRow | null;
  lines: number;
  quantity: bigint;
};

/** The amount of a row: exact, since every line in it has the same price. Zero where unpriced. */
export function amountOfHour(row: ChargeHour): string {
  return row.price === null ? '0' : amountOf(row.price.unit, row.quantity);
}

/**
 * Sums a batch per rollup row. The rows come sorted by key, so that two transactions that meet on rows lock them
 * in the same order and one waits for the other, never both.
 */
export function rollUp(batch: readonly ChargedUsage[]): {
  readonly usage: readonly UsageHour[];
  readonly charges: readonly ChargeHour[];
} {
  const usage = new Map<string, UsageHour>();
  const charges = new Map<string, ChargeHour>();
  for (const charged of batch) {
    const { outcome, fidelity } = charged.event.data;
    const prefix = `${charged.hour} ${charged.attributionRow.attributionId} ${charged.billingPeriod} ${outcome} ${fidelity}`;
    addUsage(usage, `${prefix} ${charged.currency ?? ''}`, charged);
    for (const line of charged.lines) {
      const key = `${prefix} ${line.tokenClass} ${line.status} ${line.price?.data.price_id ?? ''}`;
      addLine(charges, key, charged, line);
    }
  }
  return { usage: sortedByKey(usage), charges: sortedByKey(charges) };
}

function addUsage(rows: Map<string, UsageHour>, key: string, charged: ChargedUsage): void {
  let row = rows.get(key);
  if (row === undefined) {
    row = {
      ...hourKey(charged),
      currency: charged.currency,
      requests: 0,
      attempts: 0,
      inputTokens: 0n,
      outputTokens: 0n,
      cachedInputTokens: 0n,
      cacheCreationTokens: 0n,
      reasoningTokens: 0n,
      timeZoneAssumed: 0,
    };
    rows.set(key, row);
  }
  const { attempt, final, quantities } = charged.event.data;
  if (final) row.requests += 1;
  if (attempt > 0) row.attempts += 1;
  row.inputTokens += BigInt(quantities.input_tokens);
  row.outputTokens += BigInt(quantities.output_tokens);
  row.cachedInputTokens += BigInt(quantities.cached_input_tokens);
  row.cacheCreationTokens += BigInt(quantities.cache_creation_tokens);
  row.reasoningTokens += BigInt(quantities.reasoning_tokens);
  if (charged.timeZoneAssumed) row.timeZoneAssumed += 1;
}

function addLine(rows: Map<string, ChargeHour>, key: string, charged: ChargedUsage, line: ChargeLine): void {
  let row = rows.get(key);
  if (row === undefined) {
    row = {
      ...hourKey(charged),
      tokenClass: line.tokenClass,
      status: line.status,
      price: line.price,
      lines: 0,
      quantity: 0n,
    };
    rows.set(key, row);
  }
  row.lines += 1;
  row.quantity += BigInt(line.quantity);
}

function hourKey(charged: ChargedUsage): HourKey {
  return {
    hour: hourStart(charged.hour),
    attributionId: charged.attributionRow.attributionId,
    billingPeriod: charged.billingPeriod,
    outcome: charged.event.data.outcome,
    fidelity: charged.event.data.fidelity,
  };
}

function sortedByKey<T>(rows: ReadonlyMap<string, T>): T[] {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}
