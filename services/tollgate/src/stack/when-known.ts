import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError } from '@tollgate/http';

const KNOWN_TIMEOUT_MS = 15_000;
const POLL_MS = 50;

/**
 * Tries a call with a new token or key, or about a new team, until that is no longer refused as unknown: it reaches the
 * other services over the bus, a moment after the directory has made it.
 */
export async function whenKnown<T>(call: () => Promise<T>): Promise<T> {
  const deadlineMs = performance.now() + KNOWN_TIMEOUT_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const unknown =
        error instanceof ServiceError && (error.status === 401 || error.code === 'unknown_reference');
      if (!unknown || performance.now() > deadlineMs) throw error;
      await delay(POLL_MS);
    }
  }
}
