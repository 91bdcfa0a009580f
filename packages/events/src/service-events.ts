import { z } from 'zod';
import { attribution, opaqueId, servingMode } from './attribution.ts';
import { instant, uuid } from './envelope.ts';

/** A decimal as text, such as `0.000540`; money never travels as a JSON number. */
export const decimal = z.string().regex(/^-?\d{1,30}(\.\d{1,30})?$/);
export const currency = z.string().regex(/^[A-Z]{3}$/);

/** A change that a person or a service made, or a reading of the trail. `subject` of the event is its target. */
export const adminData = z.looseObject({
  actor: z.looseObject({ type: z.enum(['user', 'service', 'key', 'system']), id: opaqueId }),
  organisation_id: opaqueId.nullable(),
  /** `<noun>.<verb>`, such as `api-key.create` or `audit.search`. */
  action: z.string().regex(/^[a-z-]+(\.[a-z-]+)+$/),
  target: z.string().max(256),
  outcome: z.enum(['done', 'refused']),
  code: z.string().max(64).nullable(),
  reason: z.string().max(1000).nullable(),
  /** What changed, without secrets. */
  details: z.looseObject({}),
});
export type AdminData = z.infer<typeof adminData>;

export const tokenClass = z.enum([
  'input',
  'output',
  'cached-input',
  'cache-creation',
  'reasoning',
  'embedding',
]);
export type TokenClass = z.infer<typeof tokenClass>;

/** An approved, effective-dated price row. */
export const priceData = z.looseObject({
  price_id: opaqueId,
  version: z.int().min(1),
  provider: z.string().max(64),
  model: z.string().max(256),
  serving_mode: servingMode,
  region: z.string().max(64).nullable(),
  token_class: tokenClass,
  /** Price of `per_quantity` tokens. */
  amount: decimal,
  per_quantity: z.int().min(1),
  currency,
  effective_from: instant,
  effective_to: instant.nullable(),
  source: z.string().max(500),
});
export type PriceData = z.infer<typeof priceData>;

/** One immutable charge: of one usage event and token class. */
export const chargeLine = z.looseObject({
  charge_id: uuid,
  token_class: tokenClass,
  quantity: z.int().min(0),
  price_id: opaqueId.nullable(),
  amount: decimal.nullable(),
  currency: currency.nullable(),
  status: z.enum(['priced', 'unpriced', 'included-in-capacity', 'billed-by-provider']),
});
export type ChargeLine = z.infer<typeof chargeLine>;

/** The charges of one usage event, which share whose they are and when. */
export const chargeData = z.looseObject({
  usage_event_id: uuid,
  request_id: uuid,
  attribution,
  requested_at: instant,
  billing_period: z.string().max(16),
  charges: z.array(chargeLine).min(1).max(16),
});
export type ChargeData = z.infer<typeof chargeData>;

/** A billing period was closed, or an invoice was sealed. */
export const periodData = z.looseObject({
  organisation_id: opaqueId,
  billing_period: z.string().max(16),
  state: z.enum(['open', 'closing', 'closed']),
  starts_at: instant,
  ends_at: instant,
  lines_digest: z.string().max(64).nullable(),
  closed_by: opaqueId.nullable(),
});
export type PeriodData = z.infer<typeof periodData>;

/** One limit; the budgets service enforces it. */
export const limitData = z.looseObject({
  limit_id: opaqueId,
  version: z.int().min(1),
  deleted: z.boolean(),
  organisation_id: opaqueId,
  scope: z.record(z.string().max(32), z.string().max(256)),
  unit: z.enum(['requests', 'input-tokens', 'output-tokens', 'total-tokens', 'money', 'concurrent-requests']),
  window: z.enum(['minute', 'hour', 'day', 'month', 'none']),
  /** IANA name; days and months are those of its calendar. */
  time_zone: z.string().min(1).max(64),
  amount: decimal,
  currency: currency.nullable(),
  strict: z.boolean(),
});
export type LimitData = z.infer<typeof limitData>;

/** A message that could not be read, kept with where it came from and why. */
export const deadLetterData = z.looseObject({
  topic: z.string().max(249),
  partition: z.int().min(0),
  /** Decimal text: offsets are 64-bit. */
  offset: z.string().regex(/^\d{1,19}$/),
  group: z.string().max(128),
  headers: z.record(z.string(), z.string()),
  key: z.string().nullable(),
  /** The message's bytes as base64, cut at 44 KiB; `value_bytes` says how long it was. */
  value: z.string(),
  value_bytes: z.int().min(0),
  code: z.string().max(64),
  error: z.string().max(2000),
});
export type DeadLetterData = z.infer<typeof deadLetterData>;
