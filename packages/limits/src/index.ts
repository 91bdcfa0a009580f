/**
 * What a limit is, and how gateways and the budgets service speak about it: scopes and how they match, units and their
 * exact arithmetic, windows, and the contract of the lease API. No I/O.
 *
 * A limit holds for everything in its organisation that has what its scope names, per window of the calendar, in one
 * unit. `usedOf` measures a usage by a limit: the gateway reserves and settles with it, the service confirms with it,
 * so both come to the same sum. Gateways take quota in leases (`leaseCall`), which the service grants from what is
 * left of the window.
 *
 * Hot path: `FollowedLimits.of` is one map look-up per kind of scope in use and a comparison per limit found;
 * arithmetic is on `bigint`, some 30 ns per operation; `windowAt` of days and months costs microseconds, so remember a
 * window until it ends.
 *
 * Invariants: amounts are exact, never rounded; every instant lies in exactly one window of a limit, whoever asks; a
 * limit of an older version never replaces a newer one.
 *
 * Known limits: no concurrent requests, groups or tags yet; hours are UTC's even in zones that are half an hour off;
 * money is counted in the limit's own currency, without exchange rates.
 */
export { LimitError, type LimitErrorCode } from './errors.ts';
export { FollowedLimits } from './followed-limits.ts';
export {
  type GrantedLease,
  grantedLease,
  LEASES_PATH,
  type LeaseAnswer,
  type LeaseCall,
  type LeaseRefusal,
  type LeaseReport,
  type LeaseWant,
  leaseAnswer,
  leaseCall,
  leaseRefusal,
  leaseReport,
  leaseWant,
  MAX_LEASE_ITEMS,
  MAX_LEASE_LATENESS_MS,
  MAX_LEASE_LOOKAHEAD_MS,
  type ReportedLease,
  reportedLease,
  type WindowState,
  windowState,
} from './lease-contract.ts';
export { type Limit, limitApplies, limitOf } from './limit.ts';
export { LimitIndex } from './limit-index.ts';
export { isScopeKey, SCOPE_KEYS, type Scope, type ScopeKey, scopeMatches, scopeText } from './scope.ts';
export { formatUnits, parseUnits, scaleOf, UNITS, type Unit, type Units } from './units.ts';
export { type Use, usedOf } from './used.ts';
export { WINDOWS, type Window, type WindowKind, windowAt } from './window.ts';
