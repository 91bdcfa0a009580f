import { dayText, type EpochMs } from '../instant.ts';
import type { Candidate } from './choose.ts';
import type { Requirements } from './requirements.ts';
import type { Guardrail, GuardrailName, SelectionRecord } from './selection-record.ts';

const ROUTING = { needed: 'yes', 'not-needed': 'no', unknown: 'unknown' } as const;

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
  const purpose = said.purpose ?? earlier?.runbook.purpose;
  const notFor = said.notFor ?? earlier?.runbook.not_for;
  const breaks = said.breaks ?? earlier?.runbook.breaks_without_it;
  const { secondaryRegion, residency } = requirements;
  return {
    model: entry.model,
    family: entry.family,
    mode: entry.mode,
    region: requirements.region,
    ...(secondaryRegion === null ? {} : { secondary_region: secondaryRegion }),
    ...(residency === null ? {} : { residency }),
    standards: [...requirements.standards],
    cross_geography_allowed: requirements.crossGeographyAllowed,
    status: statusOf(entry),
    routing_required: ROUTING[entry.cross_geography],
    ...(entry.retires_on === null ? {} : { retires_on: entry.retires_on }),
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
    runbook: {
      ...(purpose === undefined ? {} : { purpose }),
      ...(notFor === undefined ? {} : { not_for: notFor }),
      ...(breaks === undefined ? {} : { breaks_without_it: breaks }),
    },
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
