import type { TollgateEvent } from '@tollgate/events';
import type { ChargeLine } from '@tollgate/pricing';
import type { EpochMicros } from '../time/instant.ts';
import type { AttributionRow } from './attribution-id.ts';

export type UsageEvent = TollgateEvent<'tollgate.usage.v1'>;

/** A usage event with what the service makes of it: everything the rows of one event are written from. */
export type ChargedUsage = {
  readonly event: UsageEvent;
  readonly atMicros: EpochMicros;
  /** The UTC hour of `requested_at`, in hours since 1970. */
  readonly hour: number;
  readonly attributionRow: AttributionRow;
  readonly billingPeriod: string;
  /** Whether the period is that of UTC for want of the organisation's own time zone. */
  readonly timeZoneAssumed: boolean;
  readonly lines: readonly ChargeLine[];
  /** The currency of the priced lines, of which one event has one (see `checkPrices`); null without any. */
  readonly currency: string | null;
};

/** One line as it is stored. */
export type Charge = {
  readonly usage: ChargedUsage;
  readonly line: ChargeLine;
  /** Canonical decimal text; null where unpriced. */
  readonly amount: string | null;
};

/** The currency of an event's lines. */
export function currencyOf(lines: readonly ChargeLine[]): string | null {
  for (const { price } of lines) if (price !== null) return price.data.currency;
  return null;
}
