/**
 * policy-config.yaml: what a gateway serves, and by which rules.
 *
 * A file is parsed as YAML, each section is checked against its zod shape, and what the sections mean together is
 * checked after that; the result is one frozen value that the gateway consults and never changes. Every problem is
 * found in one go, and told with file, line, column, field and the name that was probably meant. Environment variables
 * are named in the file; the only one read here is `DATABRICKS_HOST`, which fills `{workspace}` in a `base_url`, and
 * provides the targets where the file has none.
 *
 * The hot path costs one Map look-up (`targetFor`).
 *
 * Invariants: nothing in a file is ignored. A field, policy or provider that this version does not enforce is
 * refused, so a rule that somebody wrote down is either in force or the gateway does not start. No secret is in the
 * value, and no value of the file is in a message, except names.
 *
 * Decisions: a bare provider (`databricks`) needs `model` beside it, because a target that served whatever is asked
 * would open every endpoint of the workspace. A model is served by one target. `policies.chain` must be there, be it
 * empty. A section under `policy` whose policy is not in the chain is a contradiction. `audit-logger` is immutable
 * for 365 days unless it says otherwise, and immutable means durability `disk` unless a target says otherwise.
 *
 * Known limits: `audit-logger` is the only policy so far; the others of the schema are refused as not available.
 */
export type { Environment } from './configuration/databricks-host.ts';
export type {
  ComplianceStandard,
  Durability,
  PayloadCapture,
  TargetServingMode,
} from './configuration/file-schema.ts';
export {
  assertServable,
  loadPolicyConfig,
  type PolicySource,
  parsePolicyConfig,
} from './configuration/load.ts';
export { routeFor, targetFor } from './configuration/look-up.ts';
export {
  type DataPolicy,
  type FeatureName,
  KNOWN_FEATURES,
  KNOWN_POLICIES,
  type PolicyConfig,
  type PolicyName,
  type Provider,
  type Route,
  type RouteTarget,
  type Target,
} from './configuration/policy-config.ts';
export type { PiiEntity, TextRole } from './configuration/policy-schemas.ts';
export type {
  AuditLogger,
  DlpExpression,
  DlpFilterSettings,
  PiiDetectorSettings,
  PolicySettings,
  PromptInjectionSettings,
  RbacSettings,
  Role,
  SafetyFilterSettings,
  TextAction,
} from './configuration/policy-settings.ts';
export { EVERYTHING, RECORDING_ONLY, type Support } from './configuration/support.ts';
export { PolicyConfigError, type PolicyProblem, type PolicyProblemCode } from './errors.ts';
