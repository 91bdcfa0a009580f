import { hash } from 'node:crypto';
import type { TokenClass } from '@tollgate/events';
import { uuidFromHex } from '../uuid-from-digest.ts';

/** The id of a charge: the same for the same usage event and token class, however often it is reckoned. */
export function chargeId(usageEventId: string, tokenClass: TokenClass): string {
  return uuidFromHex(hash('sha256', `tollgate/charge/v1\n${usageEventId}\n${tokenClass}`, 'hex'));
}
