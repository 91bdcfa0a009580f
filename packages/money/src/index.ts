/**
 * Exact decimals: what prices, charges, rollups and invoices are reckoned in.
 *
 * `Amount` is a decimal number on big.js, `Money` an amount with a currency that never meets another currency.
 * `multiplyPrice` turns a quantity and a price per so many units into a charge without dividing; `apportion` shares a
 * total out so that the shares add up to it again. Texts are the form on the wire, in JSON and in Postgres (`numeric`).
 *
 * An operation costs about a microsecond; nothing here belongs in a loop per token.
 *
 * Invariants: every operation is exact except `rounded`, which says so by its name and asks for the mode; a JS number
 * that is not a safe integer is refused everywhere; the canonical text of equal amounts is equal.
 *
 * Known limits: no division but apportionment; no exchange rates; texts up to 200 characters; prices per unit sizes that
 * divide a power of ten.
 */
export { Amount, type AmountLike, type Rounding } from './amount.ts';
export { apportion } from './apportion.ts';
export { type CurrencyCode, currencyOf } from './currency.ts';
export { MoneyError, type MoneyErrorCode } from './errors.ts';
export { Money } from './money.ts';
export { multiplyPrice, type UnitPrice } from './price.ts';
