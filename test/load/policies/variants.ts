import type { BenchPolicies } from '../gateway-process.ts';
import { MODELS } from '../gateway-process.ts';

const AUDIT_LOGGER = { immutable: true, retention_days: 365 };

/** The policies of a company that uses all of them, each as it is usually set up. */
const POLICIES = {
  'prompt-injection': {},
  'pii-detector': { action: 'redact', entities: ['PERSON', 'EMAIL_ADDRESS', 'PHONE_NUMBER'] },
  'dlp-filter': {
    patterns: [
      { name: 'databricks-pat', regex: 'dapi[a-f0-9]{32}', action: 'block' },
      { name: 'jdbc-connection-string', regex: 'jdbc:databricks://[^\\s]+', action: 'redact' },
      { name: 'unity-catalog-path', regex: 'catalog\\.schema\\.table', action: 'redact' },
    ],
  },
  rbac: {
    roles: {
      engineer: { allowed_models: Object.values(MODELS), max_tokens_per_request: 4_096 },
      analyst: { allowed_models: [MODELS.disk], max_tokens_per_request: 2_048 },
    },
    default_role: 'engineer',
  },
} as const;

export const FULL = 'all';

/** None of them, each alone, and all. */
export const VARIANTS: readonly { readonly name: string; readonly policies: BenchPolicies }[] = [
  { name: 'none', policies: policies({}) },
  ...Object.entries(POLICIES).map(([name, settings]) => ({ name, policies: policies({ [name]: settings }) })),
  { name: FULL, policies: policies(POLICIES) },
];

function policies(some: Readonly<Record<string, unknown>>): BenchPolicies {
  return {
    chain: [...Object.keys(some), 'audit-logger'],
    policy: { ...some, 'audit-logger': AUDIT_LOGGER },
  };
}

const PROMPT_CHARS = 2_048;

const ANALYSIS = `Could you look into the figures below and tell us what drives them? Revenue of the northern region grew by twelve percent
against last year while costs stayed flat, and the board wants to know whether that holds for the coming quarter. Compare the
two largest customers, say which assumptions you made, and end with three risks that we should name in the report. `;
const PROGRAM = `SELECT region, date_trunc('week', ordered_at) AS week, sum(amount) AS total
FROM sales WHERE ordered_at >= '2024-01-15' AND status <> 'cancelled' GROUP BY region, week ORDER BY week; `;
const LETTER = `Please send the summary to Maria Garcia (maria.garcia@example.com, +49 30 901820) as well. `;

/** Prompts of 2 KB: without anything that a policy would touch, and with people who are redacted. */
export const PROMPTS = {
  plain: filled(ANALYSIS + PROGRAM),
  people: filled(LETTER + ANALYSIS + PROGRAM),
} as const;

function filled(text: string): string {
  return text.repeat(Math.ceil(PROMPT_CHARS / text.length)).slice(0, PROMPT_CHARS);
}
