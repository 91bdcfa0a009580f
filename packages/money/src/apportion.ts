import { Amount, type AmountLike } from './amount.ts';
import { MoneyError } from './errors.ts';

/**
 * Divides `total` in proportion to `weights` into shares of at most `scale` digits behind the point whose sum is
 * exactly `total`: the method of largest remainders (Hamilton). Of equal remainders the earlier weight gets the unit;
 * give weights in an order that means something, such as by id. A weight of zero gets nothing, and no share is a whole
 * unit or more away from its exact value. A negative total is divided as its positive one.
 *
 * Throws `finer-than-scale` where `total` itself has more digits, and `bad-weights` where a weight is negative or none
 * is positive while there is something to divide.
 */
export function apportion(total: Amount, weights: readonly AmountLike[], scale: number): Amount[] {
  const units = total.toUnits(scale);
  const amounts = weights.map((weight) => Amount.of(weight));
  if (amounts.some((weight) => weight.sign() < 0)) {
    throw new MoneyError('bad-weights', 'A weight is zero or more.');
  }
  const weightScale = amounts.reduce((most, weight) => Math.max(most, weight.scale()), 0);
  const whole = amounts.map((weight) => weight.toUnits(weightScale));
  const sum = whole.reduce((left, right) => left + right, 0n);
  if (sum === 0n) {
    if (units === 0n) return amounts.map(() => Amount.zero);
    throw new MoneyError('bad-weights', `${total} can't be divided: no weight is positive.`);
  }
  const shares = largestRemainders(units < 0n ? -units : units, whole, sum);
  return shares.map((share) => Amount.ofUnits(units < 0n ? -share : share, scale));
}

function largestRemainders(units: bigint, weights: readonly bigint[], sum: bigint): bigint[] {
  const shares = weights.map((weight) => (units * weight) / sum);
  const left = Number(units - shares.reduce((one, other) => one + other, 0n));
  const byRemainder = weights
    .map((weight, index) => ({ index, remainder: (units * weight) % sum }))
    .sort((one, other) =>
      one.remainder === other.remainder ? one.index - other.index : one.remainder < other.remainder ? 1 : -1,
    );
  for (const { index } of byRemainder.slice(0, left)) shares[index] = (shares[index] ?? 0n) + 1n;
  return shares;
}
