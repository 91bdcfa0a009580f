import type { FieldPath, LocatedDocument } from './document/document.ts';
import type { Problems } from './document/section.ts';
import type { FeatureName, PolicyName } from './schema/known-names.ts';
import { KNOWN_FEATURES, KNOWN_POLICIES } from './schema/known-names.ts';

/** What a gateway enforces of all that a file can say. What it doesn't is refused, not ignored. */
export interface Support {
  readonly policies: readonly PolicyName[];
  readonly features: readonly FeatureName[];
}

/** All that a file can say. */
export const EVERYTHING: Support = { policies: KNOWN_POLICIES, features: KNOWN_FEATURES };

/** One target for each model, and every call recorded. */
export const RECORDING_ONLY: Support = { policies: ['audit-logger'], features: [] };

/** Refuses a field that says something which would not be done. */
export function requireFeature(
  feature: FeatureName,
  support: Support,
  path: FieldPath,
  document: LocatedDocument,
  problems: Problems,
): void {
  if (support.features.includes(feature)) return;
  problems.push(
    document.problem(
      'not-available',
      path,
      `This needs "${feature}", which is not available in this version and would not be done: remove it.`,
    ),
  );
}
