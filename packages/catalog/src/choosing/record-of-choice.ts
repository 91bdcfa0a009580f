import { dayText, type EpochMs } from '../instant.ts';
import type { Candidate } from './choose.ts';
import type { Requirements } from './requirements.ts';
import type { Guardrail, GuardrailName, SelectionRecord } from './selection-record.ts';

/** What people have to say about a choice. */
export interface Said {
  readonly owner: string;
  readonly approver: string;
  readonly reason: string;
  readonly replacement: string;
  readonly assertedBy: string | null;
  /** In the words of whoever asserts it; `null`: nothing is. */
  readonly zeroDataRetention: string | null;
  readonly dataProcessing: string | null;
  readonly purpose: string | null;
  readonly notFor: string | null;
  readonly breaks: string | null;
}

/**
 * The record of a choice that was just made. What was said of the same choice before about tests, guardrails and runbook is
 * kept; a test or check that was never made stays pending.
 */
export function recordOfChoice(
  { entry }: Candidate,
  requirements: Requirements,
  said: Said,
  at: EpochMs,
  earlier: SelectionRecord | null,
): SelectionRecord {
  const today = dayText(at).slice(0, 10);
  const assertion = (statement: string | null, before: SelectionRecord['assertions']['data_processing']) =>
    statement === null || said.assertedBy === null
      ? before
      : { statement, asserted_by: said.assertedBy, asserted_on: today };
  const zero = assertion(said.zeroDataRetention, earlier?.assertions.zero_data_retention);
  const processing = assertion(said.dataProcessing, earlier?.assertions.data_processing);
  const runbook = {
    purpose: said.purpose ?? earlier?.runbook.purpose,
    not_for: said.notFor ?? earlier?.runbook.not_for,
    breaks_without_it: said.breaks ?? earlier?.runbook.breaks_without_it,
  };
  return {
    model: entry.model,
    family: entry.family,
    mode: entry.mode,
    region: requirements.region,
    ...present({ secondary_region: requirements.secondaryRegion, residency: requirements.residency }),
    standards: [...requirements.standards],
    cross_geography_allowed: requirements.crossGeographyAllowed,
    status: statusOf(entry),
    routing_required: { needed: 'yes', 'not-needed': 'no', unknown: 'unknown' }[entry.cross_geography] as
      | 'yes'
      | 'no'
      | 'unknown',
    ...present({ retires_on: entry.retires_on }),
    replacement: said.replacement,
    reason: said.reason,
    owner: said.owner,
    approver: said.approver,
    chosen_on: today,
    test: earlier?.test ?? { status: 'pending' },
    guardrails: guardrailsFor(entry, earlier),
    assertions: {
      ...(zero === undefined ? {} : { zero_data_retention: zero }),
      ...(processing === undefined ? {} : { data_processing: processing }),
    },
    runbook: present(runbook),
  };
}

function statusOf({ status, retires_on }: Candidate['entry']): SelectionRecord['status'] {
  if (retires_on !== null) return 'retired-soon';
  return status === 'GA' || status === 'preview' ? status : 'unknown';
}

function guardrailsFor(
  entry: Candidate['entry'],
  earlier: SelectionRecord | null,
): SelectionRecord['guardrails'] {
  const pending = (name: GuardrailName): Guardrail => earlier?.guardrails[name] ?? { status: 'pending' };
  return {
    feature_flag: entry.status === 'preview' ? pending('feature_flag') : { status: 'not-needed' },
    fallback: pending('fallback'),
    deprecation_tracker: pending('deprecation_tracker'),
    unity_catalog_permissions: pending('unity_catalog_permissions'),
    cross_geography:
      entry.cross_geography === 'not-needed' ? { status: 'not-needed' } : pending('cross_geography'),
    load_test: pending('load_test'),
  };
}

/** The members that are there. */
function present<K extends string>(
  members: Readonly<Record<K, string | null | undefined>>,
): Partial<Record<K, string>> {
  const result: Partial<Record<K, string>> = {};
  for (const key of Object.keys(members) as K[]) {
    const value = members[key];
    if (value !== null && value !== undefined) result[key] = value;
  }
  return result;
}
