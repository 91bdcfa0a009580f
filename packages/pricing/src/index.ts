/**
 * What a usage costs: which price rows are in force, which token class pays which, and the amount. Pure; chargeback
 * charges by it, gateways reserve and budgets confirm money by it, so all three come to the same.
 *
 * A `PriceBook` is made of rows (of chargeback's table, or of the topic `prices` by `FollowedPrices`); `pricesOf` finds
 * those of an attribution, `priceUsage` makes a line per token class that is billed apart, `costOf` sums them up as a
 * whole number of 10^-18 of the currency; `costBound` is the most that tokens of unknown classes can cost.
 *
 * Hot path: two look-ups in maps and a binary search per token class; a multiplication of bigints per line.
 *
 * Invariants: nothing is rounded (but see `costOf`); a missing price is `unpriced`, never zero; price follows
 * `requested_at`.
 *
 * Known limits: prices per token only; all rows in force of one model share a currency, which chargeback sees to.
 */
export { type Cost, costBound, costOf } from './cost.ts';
export { PricingError, type PricingErrorCode } from './errors.ts';
export { FollowedPrices } from './followed-prices.ts';
export { type EpochMicros, epochMicros } from './instant.ts';
export { MONEY_SCALE } from './money-scale.ts';
export { type ModelPrices, type ModelUse, NO_PRICES, PriceBook, priceInForce } from './price-book.ts';
export { type PriceFields, type PriceRow, priceRowOf } from './price-row.ts';
export { type ChargeLine, type ChargeStatus, pricesOf, priceUsage } from './price-usage.ts';
export { amountOf } from './unit-price.ts';
