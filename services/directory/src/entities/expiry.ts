import { DIRECTORY_PROBLEMS, refuseField } from '../errors.ts';
import type { Values } from './entity-kind.ts';

const MS_PER_DAY = 86_400_000;

/** The longest that a key or token can be valid, in days; null as expiry means until it is revoked. */
export const MAX_CREDENTIAL_DAYS = 3_650;
export const MAX_CREDENTIAL_MS = MAX_CREDENTIAL_DAYS * MS_PER_DAY;

/** @throws HttpProblem 422 `invalid_value` unless `expires_at`, if given, is ahead of now by at most `maxMs` */
export function assertExpiry(values: Values, nowMs: number, maxMs = MAX_CREDENTIAL_MS): void {
  const given = values['expires_at'];
  if (typeof given !== 'string') return;
  const aheadMs = Date.parse(given) - nowMs;
  if (aheadMs <= 0) throw refuseField(DIRECTORY_PROBLEMS.invalidValue, 'expires_at', 'is not in the future');
  if (aheadMs > maxMs) {
    const days = maxMs / MS_PER_DAY;
    throw refuseField(DIRECTORY_PROBLEMS.invalidValue, 'expires_at', `is more than ${days} days ahead`);
  }
}
