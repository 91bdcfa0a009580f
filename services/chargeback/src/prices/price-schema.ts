import { servingMode } from '@tollgate/events';
import { z } from 'zod';

const LARGEST_UNIT = 1_000_000_000;
/** No control characters: they end up in CSV files and logs. */
const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}*$/u, 'must not hold control characters');
const instant = z.iso
  .datetime()
  .refine((value) => value >= '1970' && value < '2200', 'must be between the years 1970 and 2199');

/** A row as it is brought to the price book. */
export const priceDraft = z
  .strictObject({
    provider: text(64),
    model: text(256),
    serving_mode: servingMode,
    region: text(64).nullable().default(null),
    token_class: z.enum(['input', 'output', 'cached-input', 'cache-creation', 'reasoning', 'embedding']),
    amount: z.string().regex(/^\d{1,30}(\.\d{1,30})?$/, 'must be a decimal from zero, such as 0.54'),
    per_quantity: z.int().min(1).max(LARGEST_UNIT),
    currency: z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters, such as USD'),
    effective_from: instant,
    effective_to: instant.nullable().default(null),
    source: text(500),
  })
  .meta({ id: 'PriceDraft' });

export const price = z
  .object({
    price_id: z.uuid(),
    version: z.int().min(1),
    ...priceDraft.shape,
    region: z.string().nullable(),
    effective_to: z.string().nullable(),
    effective_from: z.string(),
  })
  .meta({ id: 'Price' });
