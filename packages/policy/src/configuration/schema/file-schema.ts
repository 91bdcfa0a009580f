import { z } from 'zod';
import { policySectionsSchema } from './policy-schemas.ts';

/**
 * The shapes of the file's sections; what they mean together is checked where each is read. The JSON Schema for editors
 * is made from these.
 */

const MAX_NAME_CHARS = 128;
/** The longest model name and target id that events carry. */
const MAX_MODEL_CHARS = 256;
const MAX_REGION_CHARS = 64;
const MAX_SCOPE_CHARS = 1_024;
const MAX_TIMEOUT_SECONDS = 3_600;
const MAX_ROUTES = 1_024;
const MAX_ROUTE_TARGETS = 32;
const MAX_RETENTION_DAYS = 36_500;
const MAX_WEIGHT = 1_000_000;
const MAX_OUTPUT_TOKENS = 10_000_000;
/** One mebibyte of text is some 250,000 tokens, more than a context window that is served today takes in. */
const DEFAULT_MAX_TEXT_BYTES = 1024 * 1024;
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

export const DURABILITY_LEVELS = ['relaxed', 'disk', 'broker'] as const;
export const SERVING_MODES = ['pay-per-token', 'provisioned-throughput', 'external', 'custom'] as const;
export const PAYLOAD_MODES = ['required', 'best-effort', 'none'] as const;
export const PAYLOAD_BODIES = ['all', 'requests', 'responses'] as const;
export const COMPLIANCE_STANDARDS = [
  'HIPAA',
  'PCI-DSS',
  'FedRAMP',
  'IRAP',
  'CCCS',
  'UK-Cyber-Essentials-Plus',
] as const;

/** When a call's events are safe: see the documentation of the gateway's spool. */
export type Durability = (typeof DURABILITY_LEVELS)[number];

/** How a target is served and therefore billed; batch inference never passes a gateway. */
export type TargetServingMode = (typeof SERVING_MODES)[number];

/** How strictly bodies are kept, encrypted, in the payload vault. */
export type PayloadMode = (typeof PAYLOAD_MODES)[number];

/** A compliance standard as Databricks' documentation names it. */
export type ComplianceStandard = (typeof COMPLIANCE_STANDARDS)[number];

const modelName = z.string().min(1).max(MAX_MODEL_CHARS);
const region = z.string().min(1).max(MAX_REGION_CHARS);
const flagName = z.string().min(1).max(MAX_NAME_CHARS);

export const packSchema = z.strictObject({
  name: z.string().min(1).max(MAX_NAME_CHARS).describe('What decisions are recorded under'),
  version: z.string().min(1).max(MAX_NAME_CHARS).describe('Recorded with every decision; in quotes'),
  enabled: z.boolean().describe('false: the gateway refuses to serve this file'),
});

const dataPolicySchema = z.strictObject({
  zero_data_retention: z
    .boolean()
    .describe('Your assertion that the upstream keeps neither prompts nor answers'),
  asserted_by: z.string().min(1).max(MAX_NAME_CHARS).optional().describe('Who asserts it'),
  asserted_on: z.iso.date().optional().describe('The day it was asserted, as YYYY-MM-DD, in quotes'),
});

const variableRef = z.strictObject(
  { env: z.string().describe('The name of an environment variable; never the token') },
  'Name the variable that holds the secret, {env: DATABRICKS_TOKEN}; the secret itself does not belong into this file',
);

export const targetSchema = z.strictObject({
  id: z.string().min(1).max(MAX_MODEL_CHARS).describe('A name of your own, unique in the file'),
  provider: z
    .string()
    .min(1)
    .max(MAX_MODEL_CHARS)
    .describe(
      'databricks:chat:MODEL, databricks:embeddings:MODEL, databricks with model beside it, or the same with openai-compatible',
    ),
  model: modelName.optional().describe('The endpoint, where the provider does not name it'),
  base_url: z
    .string()
    .min(1)
    .optional()
    .describe('https://WORKSPACE/serving-endpoints; DATABRICKS_HOST fills {workspace}, or the whole of it'),
  secret_key_ref: variableRef.optional(),
  oauth: z
    .strictObject({
      client_id: variableRef.describe('Of a service principal'),
      client_secret: variableRef,
      token_url: z
        .string()
        .min(1)
        .optional()
        .describe("Where tokens are given; the workspace's own /oidc/v1/token unless given"),
      scope: z
        .string()
        .regex(/^[\x21-\x7e]+( [\x21-\x7e]+)*$/)
        .max(MAX_SCOPE_CHARS)
        .default('all-apis'),
    })
    .optional()
    .describe('Instead of secret_key_ref: tokens are fetched by OAuth client credentials, and renewed'),
  format: z.literal('openai').default('openai'),
  timeout_seconds: z.number().positive().max(MAX_TIMEOUT_SECONDS).optional().describe('For a whole call'),
  health_probe: z
    .boolean()
    .default(false)
    .describe("Whether the endpoint's state is asked for; never a billed call"),
  data_policy: dataPolicySchema.optional(),
  durability: z.enum(DURABILITY_LEVELS).optional().describe('When a call counts as recorded'),
  serving_mode: z.enum(SERVING_MODES).default('pay-per-token'),
  region: region.optional().describe("The workspace's region, such as westeurope"),
});
export type TargetSection = z.infer<typeof targetSchema>;

export const providersSchema = z.strictObject({ targets: z.array(z.unknown()).optional() });

const routeTargetSchema = z.strictObject({
  target: z.string().min(1).max(MAX_MODEL_CHARS).describe('The id of a target'),
  weight: z
    .int()
    .min(0)
    .max(MAX_WEIGHT)
    .optional()
    .describe('The share of the traffic, as a part of the sum of all; 0: only as a fallback'),
});

const payloadMode = z
  .enum(PAYLOAD_MODES)
  .describe(
    'required: a call whose bodies cannot be kept is refused; best-effort: it passes, and the loss is counted; none: no body is kept',
  );

/** One word, or that word and which of a call's two bodies it is about. */
export const payloadsSchema = z.union(
  [
    payloadMode,
    z.strictObject({
      mode: payloadMode,
      bodies: z.enum(PAYLOAD_BODIES).default('all').describe('Which bodies of a call the vault keeps'),
      retention_days: z
        .int()
        .min(1)
        .max(MAX_RETENTION_DAYS)
        .optional()
        .describe('How long; as long as audit-logger keeps events unless given'),
    }),
  ],
  { error: 'Write required, best-effort or none, or {mode: …, bodies: all | requests | responses}' },
);
export type PayloadsSection = z.infer<typeof payloadsSchema>;

export const routeSchema = z.strictObject({
  model: modelName.describe('The model name that requests give'),
  targets: z
    .array(routeTargetSchema)
    .min(1)
    .max(MAX_ROUTE_TARGETS)
    .describe('Tried in this order after the one that the weights chose'),
  fallbacks: z
    .array(z.string().min(1).max(MAX_MODEL_CHARS))
    .max(MAX_ROUTE_TARGETS)
    .default([])
    .describe('Ids of targets that get no traffic of their own, tried last, in this order'),
  durability: z.enum(DURABILITY_LEVELS).optional().describe("Instead of the targets' own"),
  payloads: payloadsSchema.optional().describe("Instead of the file's own"),
  default_max_output_tokens: z
    .int()
    .positive()
    .max(MAX_OUTPUT_TOKENS)
    .optional()
    .describe('Sent upstream where a request limits its answer by nothing'),
  region: region.optional().describe('Where calls have to be processed'),
  required_standards: z.array(z.enum(COMPLIANCE_STANDARDS)).default([]),
  allow_cross_geography: z
    .boolean()
    .default(false)
    .describe('Whether calls may be processed outside the geography of the region'),
  feature_flag: flagName
    .optional()
    .describe('The route is served only while this flag, under feature_flags, is true'),
});
export type RouteSection = z.infer<typeof routeSchema>;

export const policiesSchema = z.strictObject({
  chain: z.array(z.string()).describe('The policies, in the order in which they decide'),
  max_text_bytes: z
    .int()
    .positive()
    .max(MAX_TEXT_BYTES)
    .default(DEFAULT_MAX_TEXT_BYTES)
    .describe('The most text of one request that is looked at, in bytes of UTF-8'),
  over_max_text_bytes: z
    .enum(['block', 'flag'])
    .default('block')
    .describe('What happens to a request with more: it is refused, or passes unread with a finding'),
});

const featureFlagsSchema = z.record(flagName, z.boolean());

export const catalogSchema = z.strictObject({
  require_known: z
    .boolean()
    .default(false)
    .describe('Whether models that the catalogue does not know are refused'),
  refuse_retired: z
    .boolean()
    .default(false)
    .describe(
      'Whether retired models are refused on every route, not only on those with a region or standards',
    ),
  file: z.string().min(1).optional().describe('A file that extends or overrides the catalogue'),
});

/** The whole file, as editors are told; each section is read apart, so that every problem has its place. */
export const policyFileSchema = z.strictObject({
  pack: packSchema,
  providers: z.strictObject({ targets: z.array(targetSchema).optional() }).optional(),
  routes: z.array(routeSchema).max(MAX_ROUTES).optional(),
  policies: policiesSchema,
  policy: policySectionsSchema.optional(),
  payloads: payloadsSchema.optional(),
  feature_flags: featureFlagsSchema.optional(),
  catalog: catalogSchema.optional(),
});

/** The file's top level alone. */
export const topLevelSchema = z.strictObject({
  pack: z.unknown(),
  providers: z.unknown().optional(),
  routes: z.array(z.unknown()).max(MAX_ROUTES).nullish(),
  policies: z.unknown(),
  policy: z.unknown().optional(),
  payloads: z.unknown().optional(),
  feature_flags: featureFlagsSchema.nullish(),
  catalog: z.unknown().optional(),
});
