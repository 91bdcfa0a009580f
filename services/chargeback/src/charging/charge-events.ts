import { randomBytes } from 'node:crypto';
import type { OutboxEntry } from '@tollgate/bus';
import { uuidV7 } from '@tollgate/events';
import { chargeId } from '../charges/charge-id.ts';
import type { Charge } from './charged-usage.ts';

const UUID_BYTES = 16;

/**
 * The event of each charge, for the outbox: who pays for what, by which price. Keyed by request.
 *
 * @param nowMs when they were made, milliseconds since 1970
 */
export function chargeEvents(charges: readonly Charge[], nowMs: number): OutboxEntry[] {
  // Asking for all at once costs a tenth of asking for each.
  const random = randomBytes(charges.length * UUID_BYTES);
  const time = new Date(nowMs).toISOString();
  return charges.map(({ usage, line, amount }, index) => {
    const { event } = usage;
    const id = chargeId(event.id, line.tokenClass);
    return {
      key: event.subject,
      draft: {
        type: 'tollgate.charge.v1',
        id: uuidV7(nowMs, random.subarray(index * UUID_BYTES, (index + 1) * UUID_BYTES)),
        subject: id,
        time,
        data: {
          charge_id: id,
          usage_event_id: event.id,
          request_id: event.subject,
          attribution: event.data.attribution,
          requested_at: event.data.requested_at,
          token_class: line.tokenClass,
          quantity: line.quantity,
          price_id: line.price?.data.price_id ?? null,
          amount,
          currency: line.price?.data.currency ?? null,
          status: line.status,
          billing_period: usage.billingPeriod,
        },
      },
    };
  });
}
