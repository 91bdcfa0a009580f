import { PricingError } from '@tollgate/pricing';
import { ChargebackError } from '../errors.ts';

/** What packages/pricing throws, as an error of this service with the same code and message. */
export function rethrown(error: unknown): unknown {
  return error instanceof PricingError
    ? new ChargebackError(error.code, error.message, { cause: error })
    : error;
}
