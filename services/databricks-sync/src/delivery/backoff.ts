export interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait after so many failures in a row: doubled each time up to a limit, and a random half of it, so that
 * replicas and tables do not come back together. A target that says how long is waited for at least as long.
 *
 * @param failures from 1
 * @param random in [0, 1)
 */
export function backoffMs(
  failures: number,
  { firstMs, maxMs }: BackoffLimits,
  random: number,
  retryAfterMs = 0,
): number {
  const ceiling = Math.min(firstMs * 2 ** (failures - 1), maxMs);
  return Math.max(ceiling / 2 + (ceiling / 2) * random, retryAfterMs);
}
