/**
 * policy-config.yaml: what a gateway serves, by which rules, and what these rules make of a request.
 *
 * A file is parsed as YAML, each section is checked against its zod shape, and what the sections mean together is
 * checked after that; the result is one frozen value that the gateway consults and never changes. `compileChain` makes
 * steps of its policies once, and `evaluateChain` asks them, in the order of the file, about one request: its texts,
 * collected by `RequestTexts` from wherever they stand in the body, go from step to step, and come back rewritten where
 * something was redacted. Every problem of a file is found in one go, and told with file, line, column, field and the
 * name that was probably meant. `OutputGuard` does for answers, in pieces, what the chain does for requests: `src/output`.
 *
 * The hot path costs one Map look-up for the route, and for a prompt of 2 KB some 40 to 120 µs for the whole chain of
 * `prompt-injection`, `pii-detector`, `dlp-filter` and `rbac`; `node src/chain/measure-chain.ts` measures it. A piece of
 * an answer costs 0.3 to 2.8 µs for each policy that looks at answers (`node src/output/measure-output.ts`), others nothing.
 *
 * Invariants: nothing in a file is ignored. What a gateway does not enforce (`Support`) is refused by it, so a rule that
 * somebody wrote down is either in force or the gateway does not start. No secret is in the value, no value of the
 * file is in a message, except names, and no text of a request is in a finding or a denial. Every policy takes time in
 * proportion to the text, whatever the text. What placeholders stand for is kept with the request, in memory.
 * What comes of an answer is the same however it was cut into pieces, and no more than a match is held back of each text.
 *
 * Decisions: a bare provider (`databricks`) needs `model` beside it, because a target that served whatever is asked
 * would open every endpoint of the workspace. `policies.chain` must be there, be it empty. A section under `policy`
 * whose policy is not in the chain is a contradiction. `audit-logger` is immutable for 365 days unless it says otherwise,
 * and immutable means durability `disk` unless a target says otherwise. Roles add up, but one with an empty list and
 * `action: block` outweighs the others.
 *
 * Known limits: rules and models find what is known and what is like it, no more; `npm run bench -- guardrails` says how much. Names
 * of people are looked for in Latin, Greek and Cyrillic letters, with a capital. Names of message authors, and what stands in images
 * and sound, are not read. Where a member stands in a body twice, the last one is read. Whole numbers beyond 2^53 lose
 * digits when a body is rewritten. A match of `dlp-filter` longer than 16 KiB, or more than some 500 of them in a long text,
 * can't be redacted, and the request is refused; in answers, a match ends after 4 KiB. `safety-filter` has to ask somebody, so the gateway does that, between
 * `safetyQuestion` and `safetyVerdict`, where `beginChain` stops for it.
 */
export { chainRequest } from './chain/chain-request.ts';
export { type CompiledChain, compileChain } from './chain/compile-chain.ts';
export {
  beginChain,
  type ChainRequest,
  type ChainVerdict,
  evaluateChain,
  type Interrupted,
} from './chain/evaluate-chain.ts';
export { type Explanation, explain } from './chain/explain.ts';
export type { Denial, Finding, PolicyStep, StepContext, StepVerdict } from './chain/policy-step.ts';
export {
  assertServable,
  loadPolicyConfig,
  type PolicySource,
  parsePolicyConfig,
} from './configuration/load.ts';
export { routeFor, targetFor } from './configuration/look-up.ts';
export type { PayloadCapture } from './configuration/payload-capture.ts';
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
} from './configuration/policies/policy-settings.ts';
export type {
  DataPolicy,
  OAuthRef,
  PolicyConfig,
  Provider,
  Route,
  RouteTarget,
  Target,
} from './configuration/policy-config.ts';
export type {
  ComplianceStandard,
  Durability,
  PayloadMode,
  TargetServingMode,
} from './configuration/schema/file-schema.ts';
export {
  type FeatureName,
  KNOWN_FEATURES,
  KNOWN_POLICIES,
  type PolicyName,
} from './configuration/schema/known-names.ts';
export type { PiiEntity, TextRole } from './configuration/schema/policy-schemas.ts';
export { EVERYTHING, RECORDING_ONLY, type Support } from './configuration/support.ts';
export type { Environment } from './configuration/targets/databricks-host.ts';
export { PolicyConfigError, type PolicyProblem, type PolicyProblemCode } from './errors.ts';
export type { PiecewiseText } from './output/json-text.ts';
export {
  type CompiledOutput,
  compileOutput,
  OutputGuard,
} from './output/output-guard.ts';
export type { OutputBlock } from './output/output-verdict.ts';
export { type PiiFinder, piiFinder } from './pii-detector/pii-detector.ts';
export { type Evidence, scoreText } from './prompt-injection/score.ts';
export { type SafetyQuestion, safetyQuestion } from './safety-filter/safety-question.ts';
export { safetyVerdict } from './safety-filter/safety-verdict.ts';
export { Redactions, type Span } from './texts/redactions.ts';
export { RequestTexts, type TextPart } from './texts/request-texts.ts';
