import type { Units } from '@tollgate/limits';

/**
 * How much of what is left a want gets: what it asks for, but at most half of what is left, so that instances share
 * the rest of a window; yet its minimum where that much is left, so that nearly all of it can be used. Less than the
 * minimum is of no use to anybody and is not granted.
 *
 * @param want an amount of at least its minimum, which is above zero
 * @returns 0 where nothing is granted
 */
export function grantOf(remaining: Units, want: { readonly amount: Units; readonly minimum: Units }): Units {
  if (remaining < want.minimum) return 0n;
  const half = remaining / 2n;
  const share = half > want.minimum ? half : want.minimum;
  return want.amount < share ? want.amount : share;
}
