import { Amount, type AmountLike } from './amount.ts';
import { MoneyError } from './errors.ts';

/** A price for so many units, such as 0.54 per 1,000,000 tokens. */
export interface UnitPrice {
  readonly price: Amount;
  /** A positive whole number that divides a power of ten, so that the charge is a finite decimal. */
  readonly unitSize: number | bigint;
}

/** Powers of two and five in a unit size beyond which it is refused. */
const MAX_FACTORS = 60;

/**
 * quantity × price ÷ unitSize, exactly: nothing is divided, the price is multiplied by 10^k ÷ unitSize and the point
 * moved by k. Throws `inexact-unit-size` for sizes like 3,600, whose charges would have no end.
 */
export function multiplyPrice(quantity: AmountLike, { price, unitSize }: UnitPrice): Amount {
  const { factor, shift } = reciprocalOf(unitSize);
  return price.times(Amount.of(quantity)).times(Amount.ofUnits(factor, shift));
}

/** 1 ÷ size as factor × 10^−shift. */
function reciprocalOf(unitSize: number | bigint): { readonly factor: bigint; readonly shift: number } {
  const exact = typeof unitSize === 'bigint' || Number.isSafeInteger(unitSize);
  let rest = exact ? BigInt(unitSize) : 0n;
  if (rest < 1n)
    throw new MoneyError('inexact-unit-size', `A unit size is a positive whole number, not ${unitSize}.`);
  let twos = 0;
  let fives = 0;
  for (; rest % 2n === 0n && twos < MAX_FACTORS; twos += 1) rest /= 2n;
  for (; rest % 5n === 0n && fives < MAX_FACTORS; fives += 1) rest /= 5n;
  if (rest !== 1n) {
    throw new MoneyError(
      'inexact-unit-size',
      `A price per ${unitSize} has no exact decimal; use a size that divides a power of ten.`,
    );
  }
  const shift = Math.max(twos, fives);
  return { factor: 10n ** BigInt(shift) / (2n ** BigInt(twos) * 5n ** BigInt(fives)), shift };
}
