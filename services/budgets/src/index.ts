/**
 * One budget for all gateways: limits, the leases by which gateways spend them, and what usage events say was spent.
 *
 * A gateway takes a part of a limit's window as a lease and spends it in memory, so a request costs no call. One row per
 * limit and window holds the sums; a grant takes at most what is left there, under that row's lock. Gateways report the
 * cumulative total of each lease, and give back what they don't need. The consumer of `usage` counts each event once:
 * in every window whose limit applies, and in the leases that it names. When a source's own signed word shows that all
 * its usage events are in, its leases are reconciled: from then on they equal the sum of those events.
 *
 * Cost: a call of the lease API is one transaction of five statements, whatever it carries; a usage event costs some
 * 60 µs, most of it to parse.
 *
 * Invariants: per limit and window, the sum of what leases hold never exceeds the limit by a grant; a lost reply, a
 * repeated report or a repeated event changes nothing; until it is known what an expired lease used, it counts as wholly
 * spent; an edit never changes what was used; the same events come to the same `confirmed`, in any order.
 *
 * Known limits: a limit counts what is requested from its creation on; a price that takes effect within the bus's delay
 * (some 100 ms) of its import can be missed by events that are counted in between; leases of a source that never speaks
 * again count as wholly spent until their window ends.
 */
export { type BudgetsParts, createBudgets } from './app.ts';
export { type BudgetsConfig, readBudgetsConfig } from './config.ts';
export { BudgetsError, type BudgetsErrorCode } from './errors.ts';
export { budgetsMigrations } from './migrations.ts';
