/**
 * A Databricks workspace that costs nothing and whose answers are known beforehand, for tests, benchmarks and a first
 * look without an account.
 *
 * `src/serving` plays the Foundation Model API: chat, completions, responses and embeddings, with and without streaming,
 * calls of tools and answers by schema, rows of custom models, the list of endpoints, and Databricks' error bodies. It counts whitespace-separated words as tokens and generates as
 * many as the request asks, so a caller knows every total; and it misbehaves on demand, by a header, by a member of
 * the body, by the model's name or by a script (README.md has the table). It counts what it served, so a caller
 * can check what reached it, what was paid for and what was cancelled.
 *
 * Cost of a request: one JSON.parse, one pass over its texts, one concatenated string and one write on plain
 * node:http; nothing is logged.
 *
 * `./commands` is apart, so that a test that wants a workspace does not load what a process needs.
 *
 * Invariants: usage stated equals words received and words generated; equal requests get equal texts; a
 * request is counted once, as served, refused, aborted or cut.
 *
 * Known limits: one choice and one tool call per request; context windows and rate limits strike only as faults; "served"
 * means that the whole answer was handed to the operating system, not that the client has read it.
 */
export type { OAuthClient } from './access-tokens.ts';
export { SimulatedDatabricksError, type SimulatedDatabricksErrorCode } from './errors.ts';
export { DEFAULT_OUTPUT_TOKENS } from './serving/answers.ts';
export { type EndpointState, FOUNDATION_MODELS, type SimulatedEndpoint } from './serving/endpoints.ts';
export type { FaultMatch, FaultRule } from './serving/fault-script.ts';
export { FAULT_KINDS, type FaultKind } from './serving/faults.ts';
export type { Stats, Totals } from './serving/ledger.ts';
export type { TokenEndpointMode } from './serving/token-endpoint.ts';
export { countWords, generatedWords } from './serving/words.ts';
export {
  createSimulatedDatabricks,
  DEFAULT_TOKEN,
  type SimulatedDatabricks,
  type SimulatedDatabricksOptions,
  type StateAnswer,
} from './serving/workspace.ts';
