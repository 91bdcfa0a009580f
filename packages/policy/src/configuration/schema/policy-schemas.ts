import { z } from 'zod';

/** The shapes of the sections under `policy`, one for each policy. */

const MAX_NAME_CHARS = 128;
const MAX_RETENTION_DAYS = 36_500;
const MAX_EXPRESSION_CHARS = 2_048;
const MAX_EXPRESSIONS = 256;
const MAX_ROLES = 1_024;
const MAX_ALLOWED_MODELS = 1_024;
const MAX_MODEL_CHARS = 256;
const MAX_TOKENS = 10_000_000;
const MAX_SAFETY_TIMEOUT_SECONDS = 60;

export const TEXT_ROLES = [
  'system',
  'developer',
  'user',
  'assistant',
  'tool',
  'definition',
  'input',
] as const;

export const PII_ENTITIES = [
  'PERSON',
  'EMAIL_ADDRESS',
  'PHONE_NUMBER',
  'CREDIT_CARD',
  'IBAN',
  'US_SSN',
  'IP_ADDRESS',
] as const;

/** What of a call a policy looks at. */
export const APPLICATIONS = ['input', 'output'] as const;
export type Application = (typeof APPLICATIONS)[number];

/**
 * Whose text it is. `definition`: descriptions of tools and answer formats; `input`: a text without a speaker, such as
 * what is to be embedded or completed.
 */
export type TextRole = (typeof TEXT_ROLES)[number];

/** What the `pii-detector` finds. */
export type PiiEntity = (typeof PII_ENTITIES)[number];

const textAction = z.enum(['redact', 'block', 'flag']);
const restore = z
  .boolean()
  .default(false)
  .describe('Whether placeholders in the answer are replaced by what they stand for, for the caller alone');

const applyTo = z
  .array(z.enum(APPLICATIONS))
  .min(1)
  .default(['input'])
  .describe(
    'input: what is sent to the model; output: what the model answers, also on streams. Without this, input alone',
  );

export const promptInjectionSchema = z.strictObject({
  threshold: z
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe('The score from which on the action is taken: lower finds more, and more that is harmless'),
  action: z.enum(['block', 'flag']).default('block'),
  exempt_roles: z
    .array(z.enum(TEXT_ROLES))
    .default([])
    .describe('Roles whose texts are trusted and not looked at, such as system'),
});

export const piiDetectorSchema = z.strictObject({
  action: textAction.default('redact'),
  entities: z
    .array(z.enum(PII_ENTITIES))
    .min(1)
    .default([...PII_ENTITIES]),
  phone_regions: z
    .array(z.string().regex(/^[A-Z]{2}$/, 'Give a country by its two capital letters, such as DE'))
    .default(['US', 'GB', 'DE', 'FR', 'ES', 'IT', 'NL', 'IN', 'BR', 'AU'])
    .describe('Countries whose national notation of phone numbers is known, besides the international one'),
  apply_to: applyTo,
  restore,
});

export const expressionSchema = z.strictObject({
  name: z.string().min(1).max(MAX_NAME_CHARS).describe('Stands in findings and placeholders'),
  regex: z.string().min(1).max(MAX_EXPRESSION_CHARS).describe('In the syntax of RE2'),
  action: textAction.optional().describe("Instead of the filter's own"),
});

export const dlpFilterSchema = z.strictObject({
  patterns: z.array(expressionSchema).max(MAX_EXPRESSIONS).default([]),
  detect_patterns: z
    .array(z.string().min(1).max(MAX_EXPRESSION_CHARS))
    .max(MAX_EXPRESSIONS)
    .default([])
    .describe('Patterns without a name, in the syntax of RE2'),
  action: textAction.default('block').describe('Of patterns that name no action'),
  apply_to: applyTo,
  restore,
});

export const roleSchema = z.strictObject({
  allowed_models: z.array(z.string().min(1).max(MAX_MODEL_CHARS)).max(MAX_ALLOWED_MODELS),
  max_tokens_per_request: z
    .int()
    .positive()
    .max(MAX_TOKENS)
    .optional()
    .describe('The most tokens that one request may have generated, all its choices together'),
  action: z
    .enum(['block', 'flag'])
    .optional()
    .describe(
      'What happens to other models. With an empty list, block refuses everything, whatever other roles allow',
    ),
});

export const rbacSchema = z.strictObject({
  roles: z
    .record(z.string().min(1).max(MAX_NAME_CHARS), roleSchema)
    .refine((roles) => Object.keys(roles).length <= MAX_ROLES, `At most ${MAX_ROLES} roles`),
  default_role: z
    .string()
    .min(1)
    .max(MAX_NAME_CHARS)
    .optional()
    .describe('The role of callers who have none of these; without it, they are refused'),
});

export const safetyFilterSchema = z.strictObject({
  target: z.string().min(1).max(MAX_MODEL_CHARS).describe('The id of the target that judges'),
  format: z
    .enum(['openai-moderation', 'llama-guard'])
    .describe('openai-moderation: /moderations; llama-guard: a chat model that answers safe or unsafe'),
  categories: z
    .array(z.string().min(1).max(MAX_NAME_CHARS))
    .min(1)
    .optional()
    .describe('Only these count; without the list, all do'),
  threshold: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .describe("The score from which on a category counts, instead of the endpoint's own judgement"),
  action: z.enum(['block', 'flag']).default('block'),
  on_error: z.enum(['block', 'flag']).default('block').describe('What happens where no verdict is to be had'),
  timeout_seconds: z.number().positive().max(MAX_SAFETY_TIMEOUT_SECONDS).default(5),
});

export const auditLoggerSchema = z.strictObject({
  immutable: z.boolean().default(true).describe('Calls are recorded durably before they are made'),
  retention_days: z.int().positive().max(MAX_RETENTION_DAYS).default(365),
  log_all_access: z
    .boolean()
    .default(false)
    .describe('Also records model lists, policy evaluations and denied reads'),
});

/** The sections under `policy`, by the names of their policies. */
export const policySectionsSchema = z.strictObject({
  'prompt-injection': promptInjectionSchema.optional(),
  'pii-detector': piiDetectorSchema.optional(),
  'dlp-filter': dlpFilterSchema.optional(),
  rbac: rbacSchema.optional(),
  'safety-filter': safetyFilterSchema.optional(),
  'audit-logger': auditLoggerSchema.optional(),
});
