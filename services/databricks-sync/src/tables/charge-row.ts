import type { ChargeData, ChargeLine } from '@tollgate/events';
import { dateOf, rowOf, type TableRow, timestampOf } from './row.ts';

/** The row of a charge. Its amount must be representable (see `isRepresentable`). */
export function chargeRow(data: ChargeData, line: ChargeLine): TableRow {
  const { attribution } = data;
  const date = dateOf(data.requested_at);
  const key = line.charge_id.toLowerCase();
  const text = (value: string | null): string | null => value?.toWellFormed() ?? null;
  return rowOf('charges', key, date, {
    event_date: date,
    charge_id: key,
    usage_event_id: data.usage_event_id.toLowerCase(),
    request_id: data.request_id,
    requested_at: timestampOf(data.requested_at),
    billing_period: data.billing_period.toWellFormed(),
    organisation_id: attribution.organisation_id.toWellFormed(),
    team_id: attribution.team_id.toWellFormed(),
    project_id: text(attribution.project_id),
    cost_centre_id: text(attribution.cost_centre_id),
    principal_type: attribution.principal_type,
    principal_id: attribution.principal_id.toWellFormed(),
    key_id: attribution.key_id.toWellFormed(),
    requested_model: text(attribution.requested_model),
    served_model: text(attribution.served_model),
    serving_mode: attribution.serving_mode,
    region: text(attribution.region),
    tags: JSON.stringify(attribution.tags),
    token_class: line.token_class,
    quantity: line.quantity,
    status: line.status,
    price_id: text(line.price_id),
    amount: line.amount,
    currency: line.currency,
  });
}
