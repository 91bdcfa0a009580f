/**
 * The catalogue: which model may be called, how it is served and where; what its status is, which standards it meets,
 * whether it has to leave its geography, when it ends, and what it would cost.
 *
 * It is a list of rows (model, serving mode, region, from when until when, and where that is from), read from the file that
 * comes with the program (data/catalogue.yaml) and from a file of the customer's that goes over it. A field is that of the
 * most specific row that states it; what no row states is unknown, which is neither yes nor no. `permitted` judges a call by
 * it, at an instant; `clearRoutes` judges the routes of a policy configuration, for the gateway, which keeps the result until
 * `Catalog.nextChange`, and for commands.
 *
 * Cost: reading the file takes some 80 ms at a start. Judging a route takes some 70 µs, one that is refused a few milliseconds, once
 * for all that ask the same. Nothing here is asked per request.
 *
 * Invariants: rows of one file about the same thing never overlap in time, so there is one answer at any instant. Every row
 * and price names its source. A file with a problem is refused as a whole, each problem with file, line and column. Prices are
 * proposed; nothing is charged by them until somebody imports them into the price book.
 *
 * Decisions: a standard of which nothing is known is not met. One that is met in some regions, without a source that lists
 * them, passes with a note, as an unknown model does, unless `require_known`. Days begin at midnight UTC. A redirect of which
 * the end is not stated has none; one of which the destination is not stated leaves the served model as it was asked for.
 *
 * Known limits: what an endpoint of the customer's own serves, and when its container was built, is what the file says of it.
 * Regions of a provider that the file has in no geography are in no known one.
 */
export { Catalog, NOTICE_MS, type Subject } from './catalog.ts';
export { CatalogError, type CatalogErrorCode } from './errors.ts';
export { catalogOver, loadCatalog, seedCatalog } from './file/load-catalog.ts';
export { adviseByCatalog, catalogFileOf, catalogOf } from './policy/policy-catalog.ts';
export { type PolicyWarning, policyWarnings } from './policy/policy-warnings.ts';
export {
  type ClearedTarget,
  clearRoutes,
  type LeftOut,
  type RouteClearance,
  type RouteRule,
  RULE_STATUS,
} from './policy/route-clearance.ts';
export { type Lifecycle, lifecycleOf } from './queries/lifecycle.ts';
export { type Alternative, describeAlternative, type Offer } from './queries/nearest-alternative.ts';
export { permitted, type Verdict } from './queries/permitted.ts';
export type { Assessment, Breach, Note, Question, Rule } from './queries/question.ts';
