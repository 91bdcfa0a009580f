import type { Assessment } from '@tollgate/catalog';
import type { Finding } from '@tollgate/policy';
import { lifecycleHeaders } from './lifecycle-headers.ts';
import { noteFindings } from './refusals.ts';

/** What the catalogue says of a target that may be called. */
export interface Catalogued {
  /** What answers in place of the model that is called, because it is redirected; null: that model itself. */
  readonly answeringModel: string | null;
  /** What every call of it is recorded with. */
  readonly findings: readonly Finding[];
  /** What its answers say of its end; null where there is nothing to say. */
  readonly headers: Readonly<Record<string, string>> | null;
}

export const NOTHING_TO_SAY: Catalogued = { answeringModel: null, findings: [], headers: null };

export function cataloguedAs(assessment: Assessment, model: string): Catalogued {
  const headers = lifecycleHeaders(assessment.lifecycle);
  const answeringModel = assessment.servedModel === model ? null : assessment.servedModel;
  if (headers === null && answeringModel === null && assessment.notes.length === 0) return NOTHING_TO_SAY;
  return { answeringModel, findings: noteFindings(assessment.notes), headers };
}
