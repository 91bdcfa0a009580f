/**
 * What was used, what it costs, and whose it is: the price book, charges, rollups and reports.
 *
 * A consumer of the topic `usage` charges each event once, in the transaction that also moves its position: a row
 * of usage, a charge per token class that cites its price row, and the hourly rollups, from the new rows only.
 * Prices are rows with effective dates that are never edited; price and billing period follow `requested_at`, the
 * period in the organisation's own time zone. Reports read rollups alone; JSON and CSV are made from one result.
 *
 * Every charge is published as an event of its own, by the outbox of the transaction that makes it.
 *
 * Cost: per event some 30 µs of Postgres', of which the rollups take one (few rows of a batch share many events, so they
 * are updated in place rather than folded later) and the outbox a few, and twice as much of ours, the bus and the relay's
 * part included: docs/performance.md.
 *
 * Invariants: a charge is quantity × price, exact, without rounding; rollups equal charges (`rollupDifferences`);
 * the same events come to the same rows, whatever repeats, in any order; the role can neither change nor remove
 * prices, usage or charges; a missing price is `unpriced`, listed, never zero; an import never changes what was in
 * force in the past, since it waits for the batches under way and starts later.
 *
 * Policy: every outcome is charged by its quantities (failed, aborted and lost attempts used what they used) and
 * stays a dimension of every report, as does how true the quantities are. How tokens become charges is in
 * packages/pricing.
 *
 * Known limits: no periods, corrections, exchange rates or discounts yet: a charge has the currency of its price;
 * days in reports are UTC days; tables are not partitioned. Who follows `/v1/charges` across a restore of the
 * database into another server has to begin anew.
 */
export { type ChargebackParts, createChargeback } from './app.ts';
export { type ChargebackConfig, readChargebackConfig } from './config.ts';
export { ChargebackError, type ChargebackErrorCode } from './errors.ts';
export { chargebackMigrations } from './migrations.ts';
export type { PriceDraft } from './prices/price-row.ts';
