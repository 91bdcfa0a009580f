import { type ModelPrices, type PriceBook, pricesOf, priceUsage } from '@tollgate/pricing';
import { billingPeriodAt } from '../time/billing-period.ts';
import { epochHour, epochMicros } from '../time/instant.ts';
import type { AttributionRow, AttributionRows } from './attribution-id.ts';
import { type ChargedUsage, currencyOf, type UsageEvent } from './charged-usage.ts';

/** The zone of organisations whose own nobody knows. */
export const ASSUMED_TIME_ZONE = 'UTC';

/** What a batch is charged by. */
export type ChargingRules = {
  readonly book: PriceBook;
  /** The billing time zone of an organisation; undefined where it is not known. */
  readonly timeZoneOf: (organisationId: string) => string | undefined;
  readonly attributions: AttributionRows;
};

/** What each event comes to; of events with the same id, the first counts. Sorted by event id. Pure. */
export function chargeBatch(events: readonly UsageEvent[], rules: ChargingRules): ChargedUsage[] {
  const byId = new Map<string, UsageEvent>();
  for (const event of events) if (!byId.has(event.id)) byId.set(event.id, event);
  const prices = new Map<AttributionRow, ModelPrices>();
  return [...byId.values()]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((event) => chargeEvent(event, rules, prices));
}

function chargeEvent(
  event: UsageEvent,
  rules: ChargingRules,
  pricesByAttribution: Map<AttributionRow, ModelPrices>,
): ChargedUsage {
  const { attribution, requested_at, quantities } = event.data;
  const atMicros = epochMicros(requested_at);
  const timeZone = rules.timeZoneOf(attribution.organisation_id);
  const attributionRow = rules.attributions.of(attribution);
  let prices = pricesByAttribution.get(attributionRow);
  if (prices === undefined) {
    prices = pricesOf(attribution, rules.book);
    pricesByAttribution.set(attributionRow, prices);
  }
  const lines = priceUsage(attribution.serving_mode, prices, quantities, atMicros);
  return {
    event,
    atMicros,
    hour: epochHour(atMicros),
    attributionRow,
    billingPeriod: billingPeriodAt(Math.floor(atMicros / 1000), timeZone ?? ASSUMED_TIME_ZONE),
    timeZoneAssumed: timeZone === undefined,
    lines,
    currency: currencyOf(lines),
  };
}
