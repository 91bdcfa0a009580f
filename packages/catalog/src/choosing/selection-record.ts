import { COMPLIANCE_STANDARDS } from '@tollgate/policy/located-yaml';
import { z } from 'zod';
import { CATALOGUE_MODES } from '../file/file-schema.ts';

/** What is kept of the choice of a model: the selection template's record, guardrails and runbook. */

const MAX_NAME_CHARS = 256;
const MAX_TEXT_CHARS = 2_000;

const name = z.string().min(1).max(MAX_NAME_CHARS);
const text = z.string().min(1).max(MAX_TEXT_CHARS);
const day = z.iso.date('Give a day as YYYY-MM-DD, in quotes');

export const GUARDRAIL_NAMES = [
  'feature_flag',
  'fallback',
  'deprecation_tracker',
  'unity_catalog_permissions',
  'cross_geography',
  'load_test',
] as const;
export type GuardrailName = (typeof GUARDRAIL_NAMES)[number];

export const GUARDRAIL_TITLES: Readonly<Record<GuardrailName, string>> = {
  feature_flag: 'Feature flag for a preview model',
  fallback: 'Fallback model configured',
  deprecation_tracker: 'Internal deprecation tracker updated',
  unity_catalog_permissions: 'Unity Catalog permissions reviewed',
  cross_geography: 'Cross-geography routing validated',
  load_test: 'Load test completed in the target region',
};

const guardrail = z
  .strictObject({
    status: z.enum(['done', 'pending', 'not-needed']),
    by: name.optional(),
    on: day.optional(),
  })
  .refine(({ status, by, on }) => status !== 'done' || (by !== undefined && on !== undefined), {
    message: 'What is done was done by somebody, on a day: give by and on',
  });
export type Guardrail = z.infer<typeof guardrail>;

/** Said by the customer, about an upstream that nobody can look into from here. */
const assertion = z.strictObject({
  statement: text,
  asserted_by: name,
  asserted_on: day,
});

export const selectionRecord = z.strictObject({
  model: name,
  family: name,
  mode: z.enum(CATALOGUE_MODES),
  region: name,
  secondary_region: name.optional(),
  residency: name.optional().describe('The region or geography that data may not leave'),
  standards: z.array(z.enum(COMPLIANCE_STANDARDS)).default([]),
  cross_geography_allowed: z.boolean().default(false),
  status: z.enum(['GA', 'preview', 'retired-soon', 'unknown']),
  routing_required: z.enum(['yes', 'no', 'unknown']).describe('Whether cross-geography routing is'),
  retires_on: day.optional(),
  replacement: name.describe('What follows when it is retired or unavailable'),
  reason: text.describe('Latency, cost or governance, in your words'),
  owner: name,
  approver: name.describe('Who approves a switch'),
  chosen_on: day,
  test: z
    .strictObject({ status: z.enum(['pending', 'passed', 'failed']), on: day.optional() })
    .refine(({ status, on }) => status === 'pending' || on !== undefined, {
      message: 'A test that was made was made on a day: give on',
    }),
  guardrails: z.strictObject({
    feature_flag: guardrail,
    fallback: guardrail,
    deprecation_tracker: guardrail,
    unity_catalog_permissions: guardrail,
    cross_geography: guardrail,
    load_test: guardrail,
  }),
  assertions: z
    .strictObject({ zero_data_retention: assertion.optional(), data_processing: assertion.optional() })
    .default({}),
  runbook: z
    .strictObject({
      purpose: text.optional(),
      not_for: text.optional(),
      breaks_without_it: text.optional(),
    })
    .default({}),
});
export type SelectionRecord = z.infer<typeof selectionRecord>;

/** What a record is about; a file has one of each. */
export function recordKey({
  model,
  mode,
  region,
}: Pick<SelectionRecord, 'model' | 'mode' | 'region'>): string {
  return `${model} on ${mode} in ${region}`;
}
