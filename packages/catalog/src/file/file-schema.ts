import { COMPLIANCE_STANDARDS, SERVING_MODES } from '@tollgate/policy/located-yaml';
import { z } from 'zod';

/** The shape of a catalogue file: the one that comes with the program, and a customer's own, which goes over it. */

const MAX_NAME_CHARS = 256;
const MAX_TEXT_CHARS = 500;
const MAX_ENTRIES = 4_096;
const MAX_CONTEXT_TOKENS = 100_000_000;
const MAX_AGE_DAYS = 3_650;

export const ANY = '*';
export const GEOGRAPHY_PREFIX = 'geo:';

/** How a model can be served; batch inference never passes a gateway, but can be chosen. */
export const CATALOGUE_MODES = [...SERVING_MODES, 'batch'] as const;
export type CatalogueMode = (typeof CATALOGUE_MODES)[number];

/** `unavailable`: not served in this mode, or in this region. */
export const STATUSES = ['GA', 'preview', 'retired', 'redirected', 'unavailable', 'unknown'] as const;
export type ModelStatus = (typeof STATUSES)[number];

/**
 * Whether a standard is met. `with-profile`: in workspaces with the compliance security profile; `some-regions`: the
 * source does not say which.
 */
export const STANDARD_SUPPORTS = ['met', 'with-profile', 'some-regions', 'not-met', 'unknown'] as const;
export type StandardSupport = (typeof STANDARD_SUPPORTS)[number];

/** Whether cross-geography processing has to be enabled. */
export const CROSS_GEOGRAPHY = ['needed', 'not-needed', 'unknown'] as const;
export type CrossGeographyNeed = (typeof CROSS_GEOGRAPHY)[number];

const name = z.string().min(1).max(MAX_NAME_CHARS);
const MAX_SOURCES = 8;
const sourceName = z.string().min(1).max(MAX_TEXT_CHARS);
const from = {
  source: z
    .union([sourceName, z.array(sourceName).min(1).max(MAX_SOURCES)])
    .describe('Where this is from, for whoever has to verify it: names under sources, or words'),
  note: z.string().min(1).max(MAX_TEXT_CHARS).optional().describe('What else to know about it'),
};
const instant = z
  .union(
    [z.iso.date(), z.iso.datetime()],
    'Give a day as YYYY-MM-DD, in quotes, or an instant that ends in Z',
  )
  .describe('A day begins at midnight UTC');
const amount = z.string().regex(/^\d{1,12}(\.\d{1,12})?$/, 'must be a decimal in quotes, such as "0.54"');

const during = {
  effective_from: instant.optional().describe('Unless given: since before anything that is recorded'),
  effective_to: instant.optional().describe('Exclusive; unless given: until further notice'),
  ...from,
};

export const modelSchema = z.strictObject({
  model: name.describe('The endpoint that serves it'),
  family: name,
  task: z.enum(['chat', 'embeddings']),
  context_window: z.int().positive().max(MAX_CONTEXT_TOKENS).optional().describe('In tokens'),
  real_time: z.boolean().optional().describe('Whether it is named for real-time inference'),
  replacement: name.optional().describe('The model to move to'),
  ...from,
});
export type ModelSection = z.infer<typeof modelSchema>;

export const rowSchema = z.strictObject({
  model: name.describe('A model, or * for every one'),
  mode: z.enum([...CATALOGUE_MODES, ANY]).default(ANY),
  region: name.default(ANY).describe('A region, geo: and a geography, or * for everywhere'),
  status: z.enum(STATUSES).optional(),
  redirect_to: name.optional().describe('What answers while the status is redirected, where that is known'),
  deprecated_from: instant.optional().describe('When its retirement was announced'),
  standards: z.partialRecord(z.enum(COMPLIANCE_STANDARDS), z.enum(STANDARD_SUPPORTS)).optional(),
  cross_geography: z.enum(CROSS_GEOGRAPHY).optional(),
  max_container_age_days: z
    .int()
    .positive()
    .max(MAX_AGE_DAYS)
    .optional()
    .describe('How old a served container may be for any standard to be met'),
  ...during,
});
export type RowSection = z.infer<typeof rowSchema>;

export const priceSchema = z.strictObject({
  model: name,
  mode: z.enum(CATALOGUE_MODES),
  input: amount.optional().describe('Per million tokens of input, or of embedded text'),
  output: amount.optional(),
  unit: z.enum(['USD', 'DBU']),
  usd_per_dbu: amount.optional(),
  list_price: z
    .boolean()
    .default(false)
    .describe('Whether the price book may be offered it as a list price; it is never charged by itself'),
  ...during,
});
export type PriceSection = z.infer<typeof priceSchema>;

export const endpointSchema = z.strictObject({
  endpoint: name.describe('As targets name it'),
  model: name.optional().describe('The model of the catalogue that it serves'),
  container_built_on: instant.optional().describe('When its served container was built'),
  compliance_profile: z
    .strictObject({
      enabled: z.boolean(),
      asserted_by: name,
      asserted_on: instant,
    })
    .optional()
    .describe("Your assertion about its workspace's compliance security profile"),
  ...from,
});
export type EndpointSection = z.infer<typeof endpointSchema>;

const entries = z.array(z.unknown()).max(MAX_ENTRIES).nullish();

export const topLevelSchema = z.strictObject({
  sources: z.record(name, sourceName).nullish().describe('Sources by short names'),
  geographies: z.record(name, z.array(name).max(MAX_ENTRIES)).nullish(),
  models: entries,
  rows: entries,
  prices: entries,
  endpoints: entries,
});
