import { z } from 'zod';

/** The shapes of the file's sections; what they mean together is checked where each is read. */

const MAX_NAME_CHARS = 128;
/** The longest model name and target id that events carry. */
const MAX_MODEL_CHARS = 256;
const MAX_REGION_CHARS = 64;
const MAX_TIMEOUT_SECONDS = 3_600;
const MAX_RETENTION_DAYS = 36_500;

export const DURABILITY_LEVELS = ['relaxed', 'disk', 'broker'] as const;
export const SERVING_MODES = ['pay-per-token', 'provisioned-throughput', 'external', 'custom'] as const;

/** When a call's events are safe: see the documentation of the gateway's spool. */
export type Durability = (typeof DURABILITY_LEVELS)[number];

/** How a target is served and therefore billed; batch inference never passes a gateway. */
export type TargetServingMode = (typeof SERVING_MODES)[number];

export const fileSchema = z.strictObject({
  pack: z.unknown(),
  providers: z.unknown().optional(),
  policies: z.unknown(),
  policy: z.unknown().optional(),
});

export const packSchema = z.strictObject({
  name: z.string().min(1).max(MAX_NAME_CHARS),
  version: z.string().min(1).max(MAX_NAME_CHARS),
  enabled: z.boolean(),
});

export const providersSchema = z.strictObject({ targets: z.array(z.unknown()).optional() });

export const targetSchema = z.strictObject({
  id: z.string().min(1).max(MAX_MODEL_CHARS),
  provider: z.string().min(1).max(MAX_MODEL_CHARS),
  model: z.string().min(1).max(MAX_MODEL_CHARS).optional(),
  base_url: z.string().min(1).optional(),
  secret_key_ref: z.strictObject({ env: z.string() }).optional(),
  format: z.literal('openai').default('openai'),
  timeout_seconds: z.number().positive().max(MAX_TIMEOUT_SECONDS).optional(),
  health_probe: z.boolean().default(false),
  data_policy: z.strictObject({ zero_data_retention: z.boolean() }).optional(),
  durability: z.enum(DURABILITY_LEVELS).optional(),
  serving_mode: z.enum(SERVING_MODES).default('pay-per-token'),
  region: z.string().min(1).max(MAX_REGION_CHARS).optional(),
});
export type TargetSection = z.infer<typeof targetSchema>;

export const policiesSchema = z.strictObject({ chain: z.array(z.string()) });

export const auditLoggerSchema = z.strictObject({
  immutable: z.boolean().default(true),
  retention_days: z.int().positive().max(MAX_RETENTION_DAYS).default(365),
  log_all_access: z.boolean().default(false),
});
