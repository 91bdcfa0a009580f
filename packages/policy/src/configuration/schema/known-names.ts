/** The policies that the full schema knows, in the order in which its documentation lists them. */
export const KNOWN_POLICIES = [
  'prompt-injection',
  'pii-detector',
  'dlp-filter',
  'rbac',
  'safety-filter',
  'audit-logger',
] as const;
export type PolicyName = (typeof KNOWN_POLICIES)[number];

/** What a file can ask for besides policies, and a gateway may not be able to do. */
export const KNOWN_FEATURES = ['routes', 'residency', 'payloads', 'feature-flags', 'catalog'] as const;
export type FeatureName = (typeof KNOWN_FEATURES)[number];
