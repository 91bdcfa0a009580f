import type { Catalog } from '../catalog.ts';
import { DAY_MS, dayText, type EpochMs, epochMs } from '../instant.ts';
import { assess } from '../queries/assess.ts';
import { lifecycleOf } from '../queries/lifecycle.ts';
import { GUARDRAIL_NAMES, GUARDRAIL_TITLES, recordKey, type SelectionRecord } from './selection-record.ts';

/** What of a record does not hold any more, or does not hold yet. */
export interface RecordProblem {
  /** `model on mode in region`. */
  readonly record: string;
  /** `failure`: it may not be used like this; `open`: something is still to be done. */
  readonly kind: 'failure' | 'open';
  readonly message: string;
}

/** How long a test is taken to say something about a model that may have changed since. */
const TEST_AGE_MS = 180 * DAY_MS;

/** Holds records against the catalogue, at an instant. */
export function recordProblems(
  records: readonly SelectionRecord[],
  catalog: Catalog,
  at: EpochMs,
): RecordProblem[] {
  return records.flatMap((record) => {
    const problem = (kind: RecordProblem['kind'], message: string): RecordProblem => ({
      record: recordKey(record),
      kind,
      message,
    });
    const {
      model,
      mode,
      region,
      residency = null,
      standards,
      cross_geography_allowed: crossGeographyAllowed,
    } = record;
    const { breaches, lifecycle } = assess(catalog, {
      model,
      mode,
      region,
      within: residency,
      standards,
      crossGeographyAllowed,
      at,
    });
    const { retiresMs } = lifecycle;
    return [
      ...breaches.map(({ message }) => problem('failure', message)),
      ...(lifecycle.notice && breaches.every(({ rule }) => rule !== 'model_retired')
        ? [
            problem(
              'failure',
              `It ends${retiresMs === null ? '' : ` on ${dayText(retiresMs)}`}: move to ${record.replacement}.`,
            ),
          ]
        : []),
      ...replacementProblems(record, catalog, at).map((message) => problem('failure', message)),
      ...(record.test.status === 'failed' ? [problem('failure', 'Its test failed.')] : []),
      ...(record.test.status === 'pending' ? [problem('open', 'It has not been tested.')] : []),
      ...(isOld(record, at) ? [problem('open', `Its test is of ${record.test.on}: test it again.`)] : []),
      ...pendingGuardrails(record).map((title) => problem('open', `Not done: ${title}.`)),
    ];
  });
}

function replacementProblems(
  { replacement, mode, region }: SelectionRecord,
  catalog: Catalog,
  at: EpochMs,
): string[] {
  const lifecycle = lifecycleOf(catalog, { model: replacement, mode, region }, at);
  return lifecycle.notice ? [`Its replacement ${replacement} ends itself: name another one.`] : [];
}

function isOld({ test }: SelectionRecord, at: EpochMs): boolean {
  return test.status === 'passed' && test.on !== undefined && epochMs(test.on) + TEST_AGE_MS <= at;
}

function pendingGuardrails({ guardrails }: SelectionRecord): string[] {
  const pending = GUARDRAIL_NAMES.filter((name) => guardrails[name].status === 'pending');
  return pending.map((name) => GUARDRAIL_TITLES[name]);
}
